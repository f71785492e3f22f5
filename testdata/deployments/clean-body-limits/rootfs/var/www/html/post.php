<?php echo strlen($_POST['field'] ?? ''), ' ', $_SERVER['HTTP_X_NOTE'] ?? '', "\n";
