package main

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// blockSize is the least size of a block, in bytes. A block is made once and written again and again.
const blockSize = 1 << 20

// writeSize is the buffer in which nats.go collects publishes (its defaultBufSize).
const writeSize = 32 << 10

// block holds whole publishes.
type block struct {
	data []byte
	// ends has the offset of each publish's end.
	ends []int
	// longest is the length of the longest publish.
	longest int
}

// spread is the range of payload sizes: each doubling from least to most is equally likely.
type spread struct{ least, most int }

func (s spread) draw(random *rand.Rand) int {
	if s.least == s.most {
		return s.most
	}
	return int(float64(s.least) * math.Pow(float64(s.most)/float64(s.least), random.Float64()))
}

// makeBlock makes at least blockSize bytes of the command's publishes, equally many for each subject. The subjects come
// in turn or at random. A random order covers the whole block, so its period is no shorter than the block: 7,000
// publishes of 128 bytes on 1,000 subjects. The seed is fixed, so every run has the same order and the same sizes.
func makeBlock(c *Command) (*block, error) {
	subjects, sizes := c.Subjects, c.sizes()
	if len(subjects) == 0 {
		return nil, errors.New("there is no subject to publish to")
	}
	payload := make([]byte, sizes.most)
	random := rand.New(rand.NewPCG(1, 2))
	for i := range payload {
		payload[i] = byte('a' + random.IntN(26))
	}
	var publishes []string
	for bytes := 0; bytes < blockSize; {
		for _, subject := range subjects {
			size := sizes.draw(random)
			publish := fmt.Sprintf("PUB %s %d\r\n%s\r\n", subject, size, payload[:size])
			publishes = append(publishes, publish)
			bytes += len(publish)
		}
	}
	if c.AtRandom {
		random.Shuffle(len(publishes), func(i, j int) { publishes[i], publishes[j] = publishes[j], publishes[i] })
	}
	b := &block{}
	for _, publish := range publishes {
		b.data = append(b.data, publish...)
		b.ends = append(b.ends, len(b.data))
		b.longest = max(b.longest, len(publish))
	}
	return b, nil
}

// count is how many publishes the block holds.
func (b *block) count() int { return len(b.ends) }

// send writes `messages` publishes from the beginning of the block: at least one, at most all of it.
func (b *block) send(r *raw, messages int) error {
	for part := range slices.Chunk(b.data[:b.ends[messages-1]], writeSize) {
		if err := r.write(part); err != nil {
			return err
		}
	}
	return nil
}

// preparePublish sends publishes as fast as they are taken. The work ends when nats-server has read the last one.
func preparePublish(c *Command) (*piece, error) {
	b, err := makeBlock(c)
	if err != nil {
		return nil, err
	}
	r, err := connect(&c.Target, nil)
	if err != nil {
		return nil, err
	}
	timed := func() error {
		for left := c.Messages; left > 0; left -= b.count() {
			if err := b.send(r, min(left, b.count())); err != nil {
				// The reader has the cause.
				r.close()
				return fmt.Errorf("%w: %w", err, r.err)
			}
		}
		return r.flush()
	}
	finish := func() error {
		r.close()
		if refused := int(r.refusals.Load()); refused != c.Refused {
			return fmt.Errorf("%d of %d publishes were refused, not %d", refused, c.Messages, c.Refused)
		}
		return nil
	}
	return &piece{timed: timed, finish: finish}, nil
}
