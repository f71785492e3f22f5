<?php echo count($_POST) ? 'OK' : 'EMPTY', "\n";
