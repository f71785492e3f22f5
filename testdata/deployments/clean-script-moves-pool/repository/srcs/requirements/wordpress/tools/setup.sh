#!/bin/bash
sed -i 's#listen = .*#listen = 0.0.0.0:9000#' /etc/php/7.4/fpm/pool.d/www.conf
exec /usr/sbin/php-fpm7.4 -F
