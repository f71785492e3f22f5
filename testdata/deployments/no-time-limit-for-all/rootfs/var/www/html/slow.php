<?php sleep(4); echo "OK\n";
