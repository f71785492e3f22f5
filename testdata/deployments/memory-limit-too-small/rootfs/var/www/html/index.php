<?php echo ini_get('memory_limit') === '512M' ? 'OK' : 'STILL ' . ini_get('memory_limit'), "\n";
