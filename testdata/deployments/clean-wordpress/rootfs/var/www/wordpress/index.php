<?php echo 'OK wordpress', "\n";
