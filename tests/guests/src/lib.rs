//! Guests that the host's tests load: some misbehave on purpose, some only exercise it. One file each,
//! every one a plain program on `stepmill-sdk`; this library holds nothing but the list.
//!
//! They are built as examples, into `target/guests/wasm32-wasip2/guest/examples/`, where `-` in a name becomes
//! `_` in the file's name (`endless_loop.wasm`):
//!
//! ```sh
//! cargo build --profile guest --target wasm32-wasip2 -p stepmill-guests --examples --target-dir target/guests
//! ```
//!
//! | guest | kind | what it is for |
//! |---|---|---|
//! | `bad-manifest` | transform | name, version and config schema are wrong: refused at load |
//! | `big-output` | transform | answers 100 MB (`bytes`): the output limit |
//! | `careless` | connector | posts with a key that it makes up: what a crash does to that |
//! | `clock` | transform | answers time, randomness, environment: determinism of pure steps |
//! | `counter` | connector | posts its input to `path`, then adds 1 to `key`: exactly-once storage, crash tests |
//! | `courier` | verify | verifies an invented scheme, and does besides what a header says: webhooks that a plugin verifies |
//! | `echo` | transform | answers its input: the cost of a call, binary documents |
//! | `endless-loop` | transform | never answers: the CPU deadline |
//! | `endless-recursion` | transform | overflows the stack of WebAssembly |
//! | `exit` | transform | ends its process with code 3, which WASI makes 1 |
//! | `fetch` | connector | sends `method` to `path` or `url`, `times` times: egress, limits, credentials |
//! | `flaky` | connector | fails in its first `failures` attempts: retries, dead letters |
//! | `forbidden-host` | connector | asks for `url` and answers the name of the error: denials are values |
//! | `log-flood` | transform | logs 4 MiB (`lines`): the limit of log bytes |
//! | `memory-bomb` | transform | allocates until refused, then aborts, or answers how much (`report`) |
//! | `panic` | transform | panics with "guest panicked on purpose" |
//! | `parse-shape` | transform | parses, reshapes and writes JSON: benchmarks |
//! | `plain` | transform | exports no `prepare`, and answers its config |
//! | `post`, `post-next` | connector | posts its input, and what may become of it: backtests, shadows |
//! | `prepared` | transform | makes its config ready and does `and` besides: snapshots, and what forbids one |
//! | `reads-file` | transform | tries to read `/etc/passwd` and the environment |
//! | `shape`, `shape-next` | transform | prices an order, and what may become of it: backtests, shadows |
//! | `slow` | connector | sleeps `ms`: wall clock deadlines, drain |
//! | `sockets` | transform | imports `wasi:sockets`: refused at load |
//! | `stdout-flood` | transform | prints 4 MiB (`lines`) to stdout and stderr |
//! | `storage-echo` | connector | does what its `script` says to storage and answers what came of it |
//! | `storage-flood` | connector | writes 1 KiB values until it is refused |
//! | `wasi-http` | connector | asks for `url` through `wasi:http/outgoing-handler` |
