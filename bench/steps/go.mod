module istio-nats/bench/steps

go 1.26.0
