<?php
// A page that calls its own site.
$answer = @file_get_contents('http://127.0.0.1/index.php');
echo $answer === false ? 'nothing' : $answer;
