<?php echo 'OK laravel', "\n";
