<?php echo 'OK web1', "\n";
