// The benchmarks, in a module of their own so that none of the parsers beside which driftd is measured is one of its dependencies.
module github.com/driftd/driftd/bench

go 1.26.0

require github.com/valyala/fastjson v1.6.10

require (
	github.com/bytedance/gopkg v0.1.3 // indirect
	github.com/bytedance/sonic/loader v0.5.3 // indirect
	github.com/cenkalti/backoff/v4 v4.3.0 // indirect
	github.com/cespare/xxhash/v2 v2.3.0 // indirect
	github.com/cloudwego/base64x v0.1.6 // indirect
	github.com/klauspost/compress v1.20.4 // indirect
	github.com/klauspost/cpuid/v2 v2.2.9 // indirect
	github.com/pierrec/lz4/v4 v4.1.33 // indirect
	github.com/segmentio/kafka-go v0.4.51 // indirect
	github.com/stretchr/testify v1.12.1 // indirect
	github.com/twitchyliquid64/golang-asm v0.15.1 // indirect
	github.com/twmb/franz-go v1.22.3 // indirect
	golang.org/x/arch v0.0.0-20210923205945-b76863e36670 // indirect
	gonum.org/v1/gonum v0.17.0 // indirect
	google.golang.org/protobuf v1.36.12 // indirect
)

require (
	github.com/bytedance/sonic v1.15.5
	github.com/driftd/driftd v0.0.0
	golang.org/x/sys v0.49.0 // indirect
)

replace github.com/driftd/driftd => ../
