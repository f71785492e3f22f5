<?php echo '[', $_SERVER['APP_ENV'] ?? '', ']';
