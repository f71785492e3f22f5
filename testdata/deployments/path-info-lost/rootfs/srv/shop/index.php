<?php echo 'OK';
