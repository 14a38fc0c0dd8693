# ruby exchange.rb write|read PORT PREFIX SERIALIZER KEY...: stores values, or prints what it reads.
require 'dalli'
require 'json'
what, port, prefix, serializer, *keys = ARGV
cache = Dalli::Client.new("127.0.0.1:#{port}", serializer: Object.const_get(serializer), compress: true)
if what == 'write'
  { 'text' => 'hällo', 'empty' => '', 'small' => 42, 'float' => 1.5, 'true' => true, 'null' => nil,
    'list' => [1, 'x', nil], 'map' => { 'a' => { 'b' => 1 } }, 'long' => 'long text ' * 1000 }.each { |key, value| cache.set(prefix + key, value) }
  cache.set("#{prefix}raw", 'räw', nil, raw: true)
  cache.incr("#{prefix}counter", 1, nil, 41)
  cache.incr("#{prefix}counter", 1)
else
  puts JSON.generate(keys.to_h { |key|
    value = cache.get(prefix + key)
    [key, [value.class.name, value.is_a?(String) ? value.dup.force_encoding('UTF-8') : JSON.generate(value)]]
  })
end
