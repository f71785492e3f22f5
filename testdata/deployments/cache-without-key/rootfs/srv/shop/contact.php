<?php echo 'Contact';
