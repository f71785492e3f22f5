<?php
// Holds a worker, and sees what becomes of others that arrive meanwhile: the worst status is its own.
$worst = 200;
$waiting = [];
for ($n = 0; $n < 12; $n++) {
    $client = stream_socket_client('tcp://127.0.0.1:80');
    fwrite($client, "GET /index.php HTTP/1.0\r\n\r\n");
    $waiting[] = $client;
}
$end = microtime(true) + 3;
while ($waiting && ($left = $end - microtime(true)) > 0) {
    $answered = $waiting;
    if (!stream_select($answered, $write, $except, 0, (int) min($left * 1e6, 500000))) {
        continue;
    }
    foreach ($answered as $client) {
        $worst = max($worst, (int) substr((string) fgets($client), 9, 3));
        unset($waiting[array_search($client, $waiting, true)]);
    }
    if ($worst > 200) {
        break;
    }
}
http_response_code($worst);
echo "OK $worst";
