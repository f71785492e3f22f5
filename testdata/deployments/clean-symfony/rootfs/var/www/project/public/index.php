<?php echo 'OK symfony', "\n";
