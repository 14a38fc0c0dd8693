# perl exchange.pl write|read PORT PREFIX CLASS KEY...: stores values, or prints what it reads, a line each.
use strict; use warnings; use utf8;
binmode STDOUT, ':utf8';
my ($what, $port, $prefix, $class, @keys) = @ARGV;
eval "require $class" or die $@;
my %utf8 = $class =~ /Fast/ ? (utf8 => 1) : ();
my $cache = $class->new({ servers => ["127.0.0.1:$port"], compress_threshold => 1000, %utf8 });
if ($what eq 'write') {
  my %values = (ascii => 'hello', empty => '', small => 42, negative => -3, float => 1.5, long => 'long text ' x 500,
    text => "h\x{e4}llo \x{263a}", list => [1, 2], map => { a => 1 });
  $cache->set($prefix . $_, $values{$_}) for keys %values;
  $cache->set($prefix . 'counter', 41);
  $cache->incr($prefix . 'counter');
} else {
  for (@keys) {
    my $value = $cache->get($prefix . $_);
    utf8::decode($value) if defined $value && $class !~ /Fast/;
    print "$_\t", $value // 'miss', "\n";
  }
}
