<?php $all = [getenv('A'), getenv('B'), getenv('C')]; echo $all === ['se&cret', 'se;cret', 'secret'] ? 'OK' : json_encode($all), "\n";
