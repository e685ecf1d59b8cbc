#!/usr/bin/perl
# A second stand-in for lond, independent of lonc's code, not fast: the key is made by Perl's own pack, the cipher
# is that of CryptX, and each connection has a child that reads line by line, as lond did in 2002. With --journal FILE
# every request is written there as a line, before it is answered: `ID plain|encrypted REQUEST`. `hang` is not answered
# while FILE.hang exists.
use strict;
use warnings;

use Crypt::Cipher::IDEA;
use Getopt::Long;
use IO::Select;
use IO::Socket::INET;
use POSIX ();

my %option = ('id' => 'msul3', 'client-id' => 'data1', 'listen' => '127.0.0.1:0', 'journal' => '');
GetOptions(\%option, 'id=s', 'client-id=s', 'listen=s', 'journal=s') or die "lond.pl: bad arguments\n";

my %children;
my $requests = 0;

# The 16-byte key of both ends: ids and build key, mapped to hexadecimal digits.
sub key_from {
    my ($build_key) = @_;
    my $ids = uc($option{'id'} . $option{'client-id'});
    $ids =~ tr/G-P/0-9/;
    $ids =~ tr/Q-Z/0-9/;
    return pack('H32', substr(($ids . $build_key) x 3, 0, 32));
}

sub new_build_key {
    my $middle = join('', time, $$, int(rand(10000)));
    $middle =~ tr/1-6/A-F/;
    return int(rand(100000)) . $middle . int(rand(100000));
}

sub encrypted_line {
    my ($cipher, $text) = @_;
    my $padded = $text . ' ' x 9;
    my $hex    = '';
    for (my $at = 0; $at <= length($text); $at += 8) {
        $hex .= unpack('H16', $cipher->encrypt(substr($padded, $at, 8)));
    }
    return 'enc:' . length($text) . ":$hex";
}

sub decrypted_text {
    my ($cipher, $line) = @_;
    my (undef, $length, $hex) = split(/:/, $line);
    my $text = '';
    for (my $at = 0; $at < length($hex); $at += 16) {
        $text .= $cipher->decrypt(pack('H16', substr($hex, $at, 16)));
    }
    return substr($text, 0, $length);
}

# In one write, so that the lines of several connections do not mix.
sub note {
    my ($how, $command) = @_;
    return unless $option{'journal'};
    open(my $journal, '>>', $option{'journal'}) or die "lond.pl: $option{'journal'}: $!\n";
    syswrite($journal, "$option{'id'} $how $command\n");
    close $journal;
}

# The answer to a command that is neither pong nor ekey.
sub answer_to {
    my ($how, $command) = @_;
    $requests++;
    note($how, $command);
    return $option{'id'}     if $command eq 'ping' or $command eq 'whoami';
    return $1                if $command =~ /^echo:(.*)$/s;
    return $requests - 1     if $command eq 'count';
    return 'bye'             if $command eq 'exit';
    return 'ok'              if $command eq 'hang';
    return 'unknown_cmd';
}

sub converse {
    my ($client) = @_;
    my $say = sub { print {$client} "$_[0]\n"; $client->flush; };

    my $line = <$client>;
    return $say->('refused') unless defined $line and $line eq "init\n";
    my $challenge = $$ . time;
    $say->($challenge);
    $line = <$client>;
    return unless defined $line;
    $line =~ s/\W//g;
    return $say->('refused') if $line ne $challenge;
    $say->('ok');

    my $cipher;
    while (defined(my $request = <$client>)) {
        chomp $request;
        if ($request eq 'pong') {
            $say->("$option{'id'}:$option{'client-id'}");
        } elsif ($request eq 'ekey') {
            my $build_key = new_build_key();
            $cipher = Crypt::Cipher::IDEA->new(key_from($build_key));
            $say->($build_key);
        } elsif ($request =~ /^enc:/) {
            my $command = $cipher && decrypted_text($cipher, $request);
            $say->($cipher ? encrypted_line($cipher, answer_to('encrypted', $command)) : 'error:no_key');
            return if $cipher and $command eq 'exit';
        } elsif ($request eq 'hang' and -e "$option{'journal'}.hang") {
            note('plain', $request);
            IO::Select->new($client)->can_read;
            return;
        } else {
            $say->(answer_to('plain', $request));
            return if $request eq 'exit';
        }
    }
}

sub accept_one {
    my ($listener) = @_;
    my $client = $listener->accept or return;
    my $pid = fork // die "lond.pl: cannot fork: $!\n";
    if ($pid) {
        $children{$pid} = 1;
        return;
    }
    $SIG{$_} = 'DEFAULT' for qw(TERM INT CHLD);
    close $listener;
    srand;
    converse($client);
    close $client;
    POSIX::_exit(0);
}

my $listener = IO::Socket::INET->new(LocalAddr => $option{'listen'}, Listen => 64, ReuseAddr => 1, Proto => 'tcp')
    or die "lond.pl: cannot listen at $option{'listen'}: $@\n";
my $stop = 0;
$SIG{TERM} = $SIG{INT} = sub { $stop = 1 };
$SIG{CHLD} = sub {
    while ((my $pid = waitpid(-1, POSIX::WNOHANG())) > 0) { delete $children{$pid} }
};

$| = 1;
print "$option{'id'} ", $listener->sockhost, ' ', $listener->sockport, "\nready\n";

my $select = IO::Select->new($listener, \*STDIN);
while (!$stop) {
    for my $ready ($select->can_read) {
        if ($ready == $listener) { accept_one($listener) }
        else                     { $stop = 1 unless sysread(STDIN, my $bytes, 1024) }
    }
}
$SIG{CHLD} = 'DEFAULT';
kill 'TERM', keys %children;
