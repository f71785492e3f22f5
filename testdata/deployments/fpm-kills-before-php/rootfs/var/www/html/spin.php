<?php for ($end = microtime(true) + 4; microtime(true) < $end;) { $x = 1; } echo "OK\n";
