<?php
// A page of two parts that it asks its own site for. Two, so that nginx gives this page up for certain before the last
// part is given up.
$part = fn() => @file_get_contents('http://127.0.0.1/index.php');
echo $part(), $part();
