<?php echo getenv('SHOP') ? 'LEAKED' : 'OK', "\n";
