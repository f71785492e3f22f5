#!/bin/sh
sed -i "s/BACKEND_HOST/$BACKEND/" /etc/nginx/conf.d/default.conf
