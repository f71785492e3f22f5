<?php echo ini_get('post_max_size') === '1M' ? 'OK' : ini_get('memory_limit') . ' ' . ini_get('post_max_size'), "\n";
