<?php
// php exchange.php write|read PORT PREFIX SERIALIZER COMPRESSION KEY...: stores values, or prints what it reads.
[, $what, $port, $prefix, $serializer, $compression] = $argv;
$cache = new Memcached();
$cache->addServer('127.0.0.1', (int) $port);
$cache->setOption(Memcached::OPT_PREFIX_KEY, $prefix);
$cache->setOption(Memcached::OPT_SERIALIZER, constant("Memcached::SERIALIZER_$serializer"));
$cache->setOption(Memcached::OPT_COMPRESSION_TYPE, constant("Memcached::COMPRESSION_$compression"));
if ($what === 'write') {
  mt_srand(7);
  $mixed = '';
  for ($i = 0; $i < 400; $i++) $mixed .= str_repeat(chr(97 + mt_rand(0, 25)), mt_rand(1, 300)) . mt_rand();
  $values = [
    'text' => 'hällo', 'empty' => '', 'bytes' => "\x00\xff\r\n", 'small' => 42, 'negative' => -3, 'large' => PHP_INT_MAX,
    'float' => 1.5, 'huge' => 1e100, 'infinite' => -INF, 'nan' => NAN, 'true' => true, 'false' => false, 'null' => null,
    'list' => [1, 2.5, 'ä', null, true, []], 'map' => ['a' => 1, 'b' => ['x' => [1]], '7' => 'seven', '__proto__' => 1],
    'object' => new ArrayObject([1]), 'long' => str_repeat('long text ', 500), 'longList' => array_fill(0, 2000, 'abc'),
    'mixed' => $mixed,
  ];
  foreach ($values as $key => $value) if (!$cache->set($key, $value)) exit("$key: " . $cache->getResultMessage());
  $cache->set('counter', 41);
  $cache->increment('counter');
  file_put_contents('php://stdout', json_encode(['mixed' => $mixed]));
} else {
  $found = [];
  foreach (array_slice($argv, 6) as $key) {
    $value = $cache->get($key);
    $found[$key] = $cache->getResultCode() === Memcached::RES_SUCCESS ? [gettype($value), var_export($value, true)] : ['miss', $cache->getResultMessage()];
  }
  echo json_encode($found);
}
