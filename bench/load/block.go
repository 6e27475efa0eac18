package main

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
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

// fill puts a random digit, as of an identifier, in the place of each #.
func fill(headers string, random *rand.Rand) string {
	const digits = "0123456789abcdef"
	return strings.Map(func(r rune) rune {
		if r == '#' {
			return rune(digits[random.IntN(len(digits))])
		}
		return r
	}, headers)
}

// publishOf writes a publish as clients do.
func publishOf(c *Command, subject string, payload []byte, random *rand.Rand) string {
	if c.EmptyReply {
		subject += " "
	}
	if c.Headers == "" {
		return fmt.Sprintf("PUB %s %d\r\n%s\r\n", subject, len(payload), payload)
	}
	headers := "NATS/1.0\r\n" + fill(c.Headers, random) + "\r\n\r\n"
	return fmt.Sprintf("HPUB %s %d %d\r\n%s%s\r\n", subject, len(headers), len(headers)+len(payload), headers, payload)
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
			publish := publishOf(c, subject, payload[:sizes.draw(random)], random)
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
