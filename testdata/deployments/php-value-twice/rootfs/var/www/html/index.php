<?php echo ini_get('memory_limit') === '512M' ? 'OK' : ini_get('memory_limit'), "\n";
