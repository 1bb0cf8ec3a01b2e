package inspect

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"io"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
)

func bytesFormat(name string) format { return format{name: name, advice: asJSON} }

// binaryOf says what bytes are that are neither JSON nor text.
//
// Wire formats: Confluent's is a zero byte and a big-endian schema id of 4 bytes
// (Apicurio's, 8 bytes); Avro's object container and single-object encoding are
// in the Avro specification, "Object Container Files" and "Single-object
// encoding"; the others begin with the magic numbers of their RFCs.
func binaryOf(b []byte) format {
	switch {
	case b[0] == 0 && len(b) > 5:
		return registryFormat(b)
	case bytes.HasPrefix(b, []byte("Obj\x01")):
		return bytesFormat("Avro object container files (Obj 1)")
	case bytes.HasPrefix(b, []byte{0xc3, 0x01}) && len(b) >= 10:
		return bytesFormat(fmt.Sprintf("Avro in single-object encoding (schema fingerprint %016x)", binary.LittleEndian.Uint64(b[2:])))
	case bytes.HasPrefix(b, []byte{0x1f, 0x8b}):
		return compressed("gzip", gunzip(b))
	case bytes.HasPrefix(b, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		return compressed("zstd", nil)
	case bytes.HasPrefix(b, []byte{0x04, 0x22, 0x4d, 0x18}):
		return compressed("lz4", nil)
	case bytes.HasPrefix(b, []byte("\xff\x06\x00\x00sNaPpY")):
		return compressed("snappy", nil)
	case isMessagePack(b):
		return bytesFormat("MessagePack")
	case isProtobuf(b):
		return bytesFormat("Protobuf, by its looks, without a schema registry's header")
	}
	return binaryFormat
}

// registryFormat reads the header that a schema registry's serializer writes.
func registryFormat(b []byte) format {
	id, rest := int64(binary.BigEndian.Uint32(b[1:])), b[5:]
	wire := "Confluent wire format"
	if id == 0 && len(b) > 9 { // no registry gives id 0: the upper half of 8 bytes
		id, rest = int64(binary.BigEndian.Uint64(b[1:])), b[9:]
		wire = "Apicurio wire format"
	}
	switch at := bytes.TrimLeft(rest, " \r\n\t"); {
	case len(at) > 0 && at[0] == '{':
		if _, err := parse(at); err == nil {
			return format{name: fmt.Sprintf("JSON Schema in %s (schema id %d)", wire, id),
				advice: "The values are JSON behind a header of a few bytes, which driftd cannot read yet. Have the producer use a plain JSON serializer (in Java: org.apache.kafka.connect.json.JsonConverter or KafkaJsonSerializer), or copy the topic to one without the header."}
		}
	case len(rest) > 1 && rest[0] == 0 && isProtobuf(rest[1:]):
		return bytesFormat(fmt.Sprintf("Protobuf, most likely, in %s (schema id %d)", wire, id))
	}
	return bytesFormat(fmt.Sprintf("Avro, most likely, in %s (schema id %d)", wire, id))
}

func compressed(how string, inside []byte) format {
	f := format{name: how + "-compressed values", advice: "Have the producer send plain JSON and leave compression to Kafka (compression.type=" + how + " in its settings): driftd unpacks that."}
	if b := bytes.TrimLeft(inside, " \r\n\t"); len(b) > 0 && (b[0] == '{' || b[0] == '[') {
		f.name += " with JSON inside"
	}
	return f
}

// gunzip gives the beginning of what is packed.
func gunzip(b []byte) []byte {
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil
	}
	out, _ := io.ReadAll(io.LimitReader(z, 512)) // as much as there is: a look only
	return out
}

// isProtobuf says that b is a sequence of whole Protobuf fields with plausible
// numbers. Short random bytes may be that too: it is asked last.
func isProtobuf(b []byte) bool {
	fields := 0
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeField(b)
		if n <= 0 || num > 1000 || typ == protowire.StartGroupType {
			return false
		}
		b = b[n:]
		fields++
	}
	return fields >= 2
}

// isMessagePack says that b is exactly one MessagePack map or array of maps.
func isMessagePack(b []byte) bool {
	c := b[0]
	if c < 0x80 || c > 0x9f && !slices.Contains([]byte{0xdc, 0xdd, 0xde, 0xdf}, c) || len(b) < 3 {
		return false
	}
	n, ok := skipPacked(b, 0)
	return ok && n == len(b)
}

// packedSize is, for the types from 0xc0 on, the bytes of the length (or the
// value) that follow; https://github.com/msgpack/msgpack/blob/master/spec.md.
var packedSize = map[byte]int{0xc0: 0, 0xc2: 0, 0xc3: 0, 0xca: 4, 0xcb: 8, 0xcc: 1, 0xcd: 2, 0xce: 4, 0xcf: 8, 0xd0: 1, 0xd1: 2, 0xd2: 4, 0xd3: 8,
	0xd4: 2, 0xd5: 3, 0xd6: 5, 0xd7: 9, 0xd8: 17}

// skipPacked is the length of the MessagePack value at the start of b.
func skipPacked(b []byte, depth int) (int, bool) {
	if len(b) == 0 || depth > maxNest {
		return 0, false
	}
	long := func(size, extra int) (int, bool) { // a length of size bytes, then so many
		if len(b) < 1+size {
			return 0, false
		}
		n := 0
		for _, x := range b[1 : 1+size] {
			n = n<<8 | int(x)
		}
		n += 1 + size + extra
		return n, n <= len(b)
	}
	items := func(n, at int) (int, bool) {
		for range n {
			k, ok := skipPacked(b[at:], depth+1)
			if !ok {
				return 0, false
			}
			at += k
		}
		return at, true
	}
	switch c := b[0]; {
	case c < 0x80 || c >= 0xe0:
		return 1, true
	case c <= 0x8f:
		return items(2*int(c&0xf), 1)
	case c <= 0x9f:
		return items(int(c&0xf), 1)
	case c <= 0xbf:
		n := 1 + int(c&0x1f)
		return n, n <= len(b)
	case c == 0xc4 || c == 0xd9:
		return long(1, 0)
	case c == 0xc5 || c == 0xda:
		return long(2, 0)
	case c == 0xc6 || c == 0xdb:
		return long(4, 0)
	case c == 0xc7 || c == 0xc8 || c == 0xc9:
		return long(1<<(c-0xc7), 1)
	case c >= 0xdc:
		size, each := 2, 1
		if c&1 == 1 {
			size = 4
		}
		if c >= 0xde {
			each = 2
		}
		end, ok := long(size, 0)
		if n := end - 1 - size; ok || n <= len(b) && len(b) >= 1+size { // n items of a byte or more each
			return items(each*n, 1+size)
		}
		return 0, false
	}
	size, known := packedSize[b[0]]
	return 1 + size, known && 1+size <= len(b)
}
