<?php echo 'OK web2', "\n";
