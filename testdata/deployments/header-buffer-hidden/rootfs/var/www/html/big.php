<?php header("X-Big: " . str_repeat("h", 3000)); echo "OK\n";
