<?php echo 'pool ', get_cfg_var('POOL') ?: getenv('POOL'), "\n";
