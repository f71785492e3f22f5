<?php trigger_error('an old function', E_USER_NOTICE); echo 'OK';
