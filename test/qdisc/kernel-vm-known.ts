// Where our tc differs from iproute2 6.1 on Linux 6.1, and why.

export interface KnownDifference {
  /** Of the line, or of a line before what is shown. */
  readonly line: RegExp;
  readonly why: string;
}

export const KNOWN: readonly KnownDifference[] = [
  {
    line: /tbf rate 1Gibit|tbf rate 100 /,
    why: 'tc keeps burst as ticks of 64 ns in 32 bits, and whole bytes a second',
  },
  {
    line: /tbf .* overhead 14/,
    why: 'tc reckons burst back from a table of times, which has the overhead in it',
  },
  { line: /tbf .* peakrate 2mbit mtu/, why: 'tc leaves peakrate out of the JSON' },
  { line: /prio multiqueue/, why: 'tc takes the word and does nothing with it' },
  { line: /sfq redflowlimit/, why: 'sfq without RED in its flows' },
  {
    line: /sfq perturb 5|sfq quantum 3000$|sfq limit 20$/,
    why: 'ours can be changed, that of Linux 6.1 cannot',
  },
  { line: /red .* adaptive/, why: 'red without adaptive' },
  { line: /red .* probability 2/, why: 'a probability above 1 is taken by tc and means nothing' },
  {
    line: /classid 1:11 drr|classid 1:4 htb/,
    why: 'Linux hangs it on the root, and does not read the kind of a class',
  },
  { line: /codel .*ce_threshold/, why: 'codel without ce_threshold' },
  { line: /codel limit 0|codel flows 0/, why: 'none means the default to Linux; ours wants to be told' },
  { line: /codel target 5$/, why: 'Linux keeps these times in units of 1024 ns' },
  { line: /fq_codel quantum 100/, why: 'Linux raises it to 256' },
  { line: /fq buckets 300/, why: 'Linux rounds up; ours says what would be right' },
  { line: /fq defrate/, why: 'taken by tc, and without effect since Linux 4.20' },
  { line: /fq initial_quantum 1mb/, why: 'tc refuses sizes of a megabyte there' },
  { line: /htb r2q 0/, why: 'Linux makes it 1; ours says what would be right' },
  { line: /htb debug/, why: 'without effect; ours does not know the word' },
  { line: /htb rate 1mbit prio 8/, why: 'Linux takes a priority above 7 and makes it 7' },
  { line: /handle 5:1 pfifo/, why: 'tc reads it as 5:' },
];

/**
 * Left out of both answers: of fq, since without sockets there are neither orphans nor low rates; of htb, whose tokens Linux
 * rounds to ticks of 64 ns.
 */
export const LEFT_OUT = ['orphan_mask', 'low_rate_threshold', 'timer_slack', 'tokens:', 'ctokens:'];

/** Microseconds that Linux keeps in units of 1024 ns, so that it shows 99999 for 100 ms. */
export const ROUGH_TIMES = ['target', 'interval'];
