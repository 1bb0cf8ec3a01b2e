package kafka

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

const (
	codecNone = iota
	codecGzip
	codecSnappy
	codecLZ4
	codecZstd
)

// keepBuffer is the largest buffer that outlives the batch it was needed for.
const keepBuffer = 16 << 20

// inflater unpacks the records of one batch at a time into a buffer that it uses
// again. The zero value works; decoders are made when first needed.
type inflater struct {
	limit int // of what a batch may unpack to; 0: maxBatchBytes
	buf   []byte
	src   bytes.Reader
	gzip  *gzip.Reader
	lz4   *lz4.Reader
	zstd  *zstd.Decoder
}

func (d *inflater) max() int {
	if d.limit > 0 {
		return d.limit
	}
	return maxBatchBytes
}

// inflate returns the records of a batch, valid until the next call.
func (d *inflater) inflate(codec uint16, src []byte) (out []byte, err error) {
	if codec == codecNone {
		return src, nil
	}
	if cap(d.buf) > keepBuffer {
		d.buf = nil
	}
	switch codec {
	case codecGzip:
		out, err = d.inflateGzip(src)
	case codecSnappy:
		out, err = d.inflateSnappy(src)
	case codecLZ4:
		out, err = d.inflateLZ4(src)
	case codecZstd:
		out, err = d.inflateZstd(src)
	default:
		return nil, fmt.Errorf("codec %d is not known", codec)
	}
	d.src.Reset(nil)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", [...]string{"", "gzip", "snappy", "lz4", "zstd"}[codec], err)
	}
	d.buf = out
	return out, nil
}

func (d *inflater) errTooLarge() error { return fmt.Errorf("unpacks to more than %d bytes", d.max()) }

func (d *inflater) inflateGzip(src []byte) (_ []byte, err error) {
	d.src.Reset(src)
	if d.gzip == nil {
		d.gzip, err = gzip.NewReader(&d.src)
	} else {
		err = d.gzip.Reset(&d.src)
	}
	if err != nil {
		return nil, err
	}
	return d.readAll(d.gzip)
}

func (d *inflater) inflateLZ4(src []byte) ([]byte, error) {
	d.src.Reset(src)
	if d.lz4 == nil {
		d.lz4 = lz4.NewReader(&d.src)
	} else {
		d.lz4.Reset(&d.src)
	}
	return d.readAll(d.lz4)
}

func (d *inflater) inflateZstd(src []byte) (_ []byte, err error) {
	if d.zstd == nil {
		d.zstd, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(uint64(d.max())))
		if err != nil {
			return nil, err
		}
	}
	return d.zstd.DecodeAll(src, d.buf[:0])
}

// readAll is io.ReadAll into d.buf, with a bound.
func (d *inflater) readAll(r io.Reader) ([]byte, error) {
	buf := d.buf[:0]
	for {
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
			if cap(buf) < 64<<10 {
				buf = append(make([]byte, 0, 64<<10), buf...)
			}
		}
		n, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if len(buf) > d.max() {
			return nil, d.errTooLarge()
		}
		if errors.Is(err, io.EOF) {
			return buf, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// Java's producers wrap snappy in the framing of the xerial library: this header
// (then two int32 versions), then blocks, each after its length.
var xerialMagic = []byte{0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0}

func (d *inflater) inflateSnappy(src []byte) ([]byte, error) {
	if !bytes.HasPrefix(src, xerialMagic) {
		return d.snappyBlock(d.buf[:0], src)
	}
	if len(src) < 16 {
		return nil, io.ErrUnexpectedEOF
	}
	out, src := d.buf[:0], src[16:]
	for len(src) > 0 {
		if len(src) < 4 {
			return nil, io.ErrUnexpectedEOF
		}
		n := int64(binary.BigEndian.Uint32(src))
		if src = src[4:]; n > int64(len(src)) {
			return nil, io.ErrUnexpectedEOF
		}
		var err error
		if out, err = d.snappyBlock(out, src[:n]); err != nil {
			return nil, err
		}
		src = src[n:]
	}
	return out, nil
}

// snappyBlock appends what src unpacks to.
func (d *inflater) snappyBlock(dst, src []byte) ([]byte, error) {
	n, err := snappy.DecodedLen(src)
	if err != nil {
		return nil, err
	}
	if len(dst)+n > d.max() {
		return nil, d.errTooLarge()
	}
	// The format's best ratio is 64 bytes from 3: a larger claim is a lie that
	// would cost its size in memory.
	if n > 64*len(src) {
		return nil, snappy.ErrCorrupt
	}
	if need := len(dst) + n; need > cap(dst) {
		dst = append(make([]byte, 0, max(need, 2*cap(dst))), dst...)
	}
	if n == 0 {
		return dst, nil
	}
	out, err := snappy.Decode(dst[len(dst):len(dst)+n:len(dst)+n], src)
	if err != nil {
		return nil, err
	}
	return dst[:len(dst)+len(out)], nil
}
