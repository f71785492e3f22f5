<?php sleep(3); echo "OK\n";
