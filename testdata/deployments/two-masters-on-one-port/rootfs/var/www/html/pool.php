<?php echo 'pool ', getenv('POOL'), "\n";
