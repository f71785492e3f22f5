<?php sleep(2); echo 'OK ', php_sapi_name(), "\n";
