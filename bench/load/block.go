package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
)

// Bytes of publishes that are made once and written again and again.
const blockSize = 1 << 20

// writeSize is the buffer in which nats.go collects publishes (its defaultBufSize).
const writeSize = 32 << 10

// block holds whole publishes, all of the same length.
type block struct {
	data  []byte
	frame int
	count int
}

// makeBlock takes the subjects in turn: all of them equally often, as far as the block goes. At random it draws each anew, so
// that nothing foresees it before the block itself repeats; with one seed, so that every run has the same order.
func makeBlock(subjects []string, atRandom bool, size int) (*block, error) {
	if len(subjects) == 0 {
		return nil, errors.New("there is no subject to publish to")
	}
	payload := make([]byte, size)
	random := rand.New(rand.NewPCG(1, 2))
	for i := range payload {
		payload[i] = byte('a' + random.IntN(26))
	}
	b := &block{}
	for len(b.data) < blockSize || b.count%len(subjects) != 0 {
		before := len(b.data)
		next := b.count % len(subjects)
		if atRandom {
			next = random.IntN(len(subjects))
		}
		b.data = fmt.Appendf(b.data, "PUB %s %d\r\n%s\r\n", subjects[next], size, payload)
		frame := len(b.data) - before
		if b.frame != 0 && frame != b.frame {
			return nil, errors.New("the subjects differ in length")
		}
		b.frame = frame
		b.count++
	}
	return b, nil
}

// send writes `messages` publishes from the beginning of the block, at most all of it.
func (b *block) send(r *raw, messages int) error {
	data := b.data[:messages*b.frame]
	for len(data) > 0 {
		part := min(writeSize, len(data))
		if err := r.write(data[:part]); err != nil {
			return err
		}
		data = data[part:]
	}
	return nil
}
