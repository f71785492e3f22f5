<?php usleep(2500000); echo "OK waited\n";
