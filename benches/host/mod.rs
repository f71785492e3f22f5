//! Hosts of any size: a realistic mix of sites, each in a file of its own, and pools.
//!
//! The trees pass `nginx -t` with `-p DIR/etc/nginx`: every path that nginx opens is relative, and the
//! ports are ones that need no privilege.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{fs, io};

/// What is generated.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Server blocks, each in a file of its own.
    pub servers: usize,
    /// Pools, each in a file of its own.
    pub pools: usize,
    /// What is the matter with it.
    pub variant: Variant,
}

/// What is the matter with a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variant {
    /// Nothing.
    Healthy,
    /// Every tenth server dials a socket where nobody listens.
    Findings,
    /// All servers include the same files, and the files make the findings.
    Shared,
}

impl Variant {
    /// The variant of a name on the command line.
    pub fn of(name: &str) -> Option<Self> {
        match name {
            "healthy" => Some(Variant::Healthy),
            "findings" => Some(Variant::Findings),
            "shared" => Some(Variant::Shared),
            _ => None,
        }
    }

    /// The name, as tables show it.
    pub fn name(self) -> &'static str {
        match self {
            Variant::Healthy => "healthy",
            Variant::Findings => "findings",
            Variant::Shared => "shared",
        }
    }
}

/// Writes a host into a directory.
pub fn generate(shape: Shape, root: &Path) -> io::Result<()> {
    let nginx = root.join("etc/nginx");
    let fpm = root.join("etc/php/8.2/fpm");
    for directory in [nginx.join("sites-enabled"), nginx.join("snippets"), fpm.join("pool.d")] {
        fs::create_dir_all(directory)?;
    }
    fs::write(nginx.join("nginx.conf"), NGINX)?;
    fs::write(nginx.join("mime.types"), mime_types())?;
    fs::write(nginx.join("fastcgi_params"), FASTCGI_PARAMS)?;
    for (name, text) in SNIPPETS {
        fs::write(nginx.join("snippets").join(name), text)?;
    }
    certificate(&nginx.join("snippets"))?;
    for number in 0..shape.servers {
        let path = nginx.join(format!("sites-enabled/site{number:05}.conf"));
        fs::write(path, site(number, shape))?;
    }
    fs::write(
        fpm.join("php-fpm.conf"),
        "[global]\npid = /run/php/php8.2-fpm.pid\ninclude=/etc/php/8.2/fpm/pool.d/*.conf\n",
    )?;
    fs::write(fpm.join("php.ini"), "memory_limit = 128M\nmax_execution_time = 30\n")?;
    for number in 0..shape.pools {
        fs::write(fpm.join(format!("pool.d/pool{number:04}.conf")), pool(number))?;
    }
    Ok(())
}

/// The files that the host consists of, those of nginx first.
pub fn files(root: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut pending = vec![root.join("etc")];
    while let Some(directory) = pending.pop() {
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            match entry.file_type()?.is_dir() {
                true => pending.push(entry.path()),
                false => files.push(entry.path()),
            }
        }
    }
    files.sort();
    Ok(files)
}

/// A certificate for `nginx -t`; where there is no openssl, the test is left out.
fn certificate(directory: &Path) -> io::Result<()> {
    let request = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    let names = ["-keyout", "site.key", "-out", "site.crt", "-days", "3650", "-subj", "/CN=example.com"];
    let mut command = Command::new("openssl");
    command.args(request).args(names).current_dir(directory).stdout(Stdio::null()).stderr(Stdio::null());
    match command.status() {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

const NGINX: &str = "\
worker_processes auto;
pid nginx.pid;
error_log error.log;

events {
    worker_connections 768;
}

http {
    sendfile on;
    tcp_nopush on;
    types_hash_max_size 2048;
    server_names_hash_max_size 131072;
    server_names_hash_bucket_size 128;
    include mime.types;
    default_type application/octet-stream;
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_prefer_server_ciphers on;
    access_log off;
    gzip on;
    client_max_body_size 32m;

    map $http_upgrade $connection_upgrade {
        default upgrade;
        '' close;
    }

    upstream php_shared {
        server unix:/run/php/pool0000.sock;
    }

    include sites-enabled/*;
}
";

const FASTCGI_PARAMS: &str = "\
fastcgi_param  QUERY_STRING       $query_string;
fastcgi_param  REQUEST_METHOD     $request_method;
fastcgi_param  CONTENT_TYPE       $content_type;
fastcgi_param  CONTENT_LENGTH     $content_length;

fastcgi_param  SCRIPT_NAME        $fastcgi_script_name;
fastcgi_param  REQUEST_URI        $request_uri;
fastcgi_param  DOCUMENT_URI       $document_uri;
fastcgi_param  DOCUMENT_ROOT      $document_root;
fastcgi_param  SERVER_PROTOCOL    $server_protocol;
fastcgi_param  REQUEST_SCHEME     $scheme;
fastcgi_param  HTTPS              $https if_not_empty;

fastcgi_param  GATEWAY_INTERFACE  CGI/1.1;
fastcgi_param  SERVER_SOFTWARE    nginx/$nginx_version;

fastcgi_param  REMOTE_ADDR        $remote_addr;
fastcgi_param  REMOTE_PORT        $remote_port;
fastcgi_param  SERVER_ADDR        $server_addr;
fastcgi_param  SERVER_PORT        $server_port;
fastcgi_param  SERVER_NAME        $server_name;

# PHP only, required if PHP was built with --enable-force-cgi-redirect
fastcgi_param  REDIRECT_STATUS    200;
";

const SNIPPETS: &[(&str, &str)] = &[
    (
        "fastcgi-php.conf",
        "\
# regex to split $uri to $fastcgi_script_name and $fastcgi_path
fastcgi_split_path_info ^(.+?\\.php)(/.*)$;

# Check that the PHP script exists before passing it
try_files $fastcgi_script_name =404;

# Bypass the fact that try_files resets $fastcgi_path_info
# see: http://trac.nginx.org/nginx/ticket/321
set $path_info $fastcgi_path_info;
fastcgi_param PATH_INFO $path_info;

fastcgi_index index.php;
fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;
include fastcgi_params;
",
    ),
    (
        "ssl.conf",
        "\
ssl_certificate snippets/site.crt;
ssl_certificate_key snippets/site.key;
ssl_session_timeout 1d;
ssl_session_cache shared:tls:10m;
ssl_session_tickets off;
",
    ),
    (
        "headers.conf",
        "\
add_header X-Frame-Options SAMEORIGIN;
add_header X-Content-Type-Options nosniff;
add_header Referrer-Policy strict-origin-when-cross-origin;
",
    ),
    (
        "static.conf",
        "\
location ~* \\.(?:css|js|jpe?g|png|gif|ico|svg|woff2?)$ {
    expires 30d;
    log_not_found off;
}
location = /favicon.ico {
    log_not_found off;
}
location ~ /\\. {
    deny all;
}
",
    ),
    (
        "proxy.conf",
        "\
proxy_http_version 1.1;
proxy_set_header Host $host;
proxy_set_header X-Real-IP $remote_addr;
proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
proxy_set_header X-Forwarded-Proto $scheme;
proxy_set_header Upgrade $http_upgrade;
proxy_set_header Connection $connection_upgrade;
",
    ),
    (
        "shared-php.conf",
        "\
location ~ \\.php$ {
    include snippets/fastcgi-php.conf;
    fastcgi_pass unix:/run/php/nobody.sock;
}
location ^~ /legacy/ {
    include snippets/fastcgi-php.conf;
    fastcgi_pass php_shared;
}
",
    ),
];

fn mime_types() -> String {
    let mut text = String::from("types {\n    text/html html htm shtml;\n    text/css css;\n");
    for number in 0..90 {
        let _ = writeln!(text, "    application/x-kind{number} k{number} q{number};");
    }
    text.push_str("}\n");
    text
}

/// A site: of ten, six run PHP in a pool of their own, two in a shared one, one is a proxy and one
/// has files only.
fn site(number: usize, shape: Shape) -> String {
    let name = format!("site{number:05}.example.com");
    let is_dead = shape.variant == Variant::Findings && number % 10 == 3;
    let socket = match is_dead {
        true => format!("unix:/run/php/gone{number:05}.sock"),
        false => format!("unix:/run/php/pool{:04}.sock", number % shape.pools.max(1)),
    };
    let mut text = String::new();
    let _ = write!(
        text,
        "# {name}, managed by the panel
server {{
    listen 28080;
    listen [::]:28080;
    server_name {name} www.{name};
    root /var/www/site{number:05}/public;
    index index.php index.html;

"
    );
    if number % 2 == 0 {
        text.push_str(
            "    listen 28443 ssl http2;\n    listen [::]:28443 ssl http2;\n    include snippets/ssl.conf;\n",
        );
        text.push_str("    if ($scheme = http) {\n        return 301 https://$host$request_uri;\n    }\n");
    }
    text.push_str("    include snippets/headers.conf;\n    include snippets/static.conf;\n\n");
    if shape.variant == Variant::Shared {
        text.push_str("    include snippets/shared-php.conf;\n");
    }
    match number % 10 {
        8 => text.push_str(
            "    location / {
        include snippets/proxy.conf;
        proxy_pass http://127.0.0.1:3000;
        proxy_read_timeout 60s;
    }
",
        ),
        9 => text.push_str(
            "    location / {
        try_files $uri $uri/ =404;
    }
    location /downloads/ {
        autoindex on;
    }
",
        ),
        kind => {
            let pass = if kind >= 6 { "php_shared" } else { &socket };
            let _ = write!(
                text,
                "    location / {{
        try_files $uri $uri/ /index.php?$query_string;
    }}
    location ~ ^/(?:wp-admin|admin)/.+\\.php$ {{
        include snippets/fastcgi-php.conf;
        fastcgi_pass {pass};
        fastcgi_read_timeout 90s;
        client_max_body_size 8m;
    }}
    location ~ \\.php$ {{
        include snippets/fastcgi-php.conf;
        fastcgi_pass {pass};
        fastcgi_read_timeout 90s;
        fastcgi_buffers 16 16k;
        fastcgi_buffer_size 32k;
    }}
    location = /xmlrpc.php {{
        deny all;
    }}
"
            );
        }
    }
    text.push_str("}\n");
    text
}

fn pool(number: usize) -> String {
    format!(
        "[pool{number:04}]
user = www-data
group = www-data
listen = /run/php/$pool.sock
listen.owner = www-data
listen.group = www-data
pm = dynamic
pm.max_children = 5
pm.start_servers = 2
pm.min_spare_servers = 1
pm.max_spare_servers = 3
pm.max_requests = 500
request_terminate_timeout = 60s
php_admin_value[error_log] = /var/log/php/$pool.log
php_admin_flag[log_errors] = on
php_value[max_execution_time] = 30
"
    )
}
