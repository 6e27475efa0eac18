// A peer that istio-nats is measured against, pinned. Nothing here is linked into anything of ours.
module istio-nats/bench/peers/go

go 1.26.0

require github.com/proxy-wasm/proxy-wasm-go-sdk v0.0.0-20250212164326-ab4161dcf924
