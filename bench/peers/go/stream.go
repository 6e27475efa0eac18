package main

import "bytes"

// maxLine is nats-server's max_control_line, plus some room for INFO and CONNECT, which that limit does not bound.
const maxLine = 64 << 10

// stream is one direction of a connection.
type stream struct {
	// tail is the beginning of a line whose end has not arrived yet.
	tail []byte
	// payload is the number of bytes, CR LF included, that still have to pass unread.
	payload int
	// broken is set after something that is not NATS. From then on nothing is read.
	broken bool
}

// passPayload lets the rest of a payload pass. It returns the offset from which the size bytes have to be read.
func (s *stream) passPayload(size int) int {
	if s.broken {
		return size
	}
	passed := min(s.payload, size)
	s.payload -= passed
	return passed
}

// read reads the bytes after a payload, line by line.
func (s *stream) read(data []byte, p *plugin) {
	for len(data) > 0 && !s.broken {
		end := bytes.IndexByte(data, '\n')
		if end < 0 {
			s.tail = append(s.tail, data...)
			s.broken = len(s.tail) > maxLine
			return
		}
		line := data[:end]
		if len(s.tail) > 0 {
			s.tail = append(s.tail, line...)
			line = s.tail
		}
		payload := p.take(line)
		s.tail = s.tail[:0]
		s.broken = payload < 0
		data = data[end+1:]
		if payload > len(data) {
			s.payload = payload - len(data)
			return
		}
		data = data[max(payload, 0):]
	}
}

// take judges and counts one operation. It returns how many bytes of payload follow, CR LF included, or -1 if the line
// cannot be read.
func (p *plugin) take(line []byte) int {
	line = bytes.TrimSuffix(line, []byte{'\r'})
	verb, arguments := word(line)
	switch len(verb) {
	case 3:
		switch {
		case equalFold(verb, "PUB"):
			return p.takePublish(pub, arguments)
		case equalFold(verb, "MSG"):
			return p.takePayload(msg, allowed, arguments)
		case equalFold(verb, "SUB"):
			subject, _ := word(arguments)
			p.counters.count(sub, p.subscribe.verdict(subject), 0)
			return 0
		case equalFold(verb, "+OK"):
			return 0
		}
	case 4:
		switch {
		case equalFold(verb, "HPUB"):
			return p.takePublish(hpub, arguments)
		case equalFold(verb, "HMSG"):
			return p.takePayload(hmsg, allowed, arguments)
		case equalFold(verb, "PING"), equalFold(verb, "PONG"), equalFold(verb, "INFO"), equalFold(verb, "-ERR"):
			return 0
		}
	case 5:
		if equalFold(verb, "UNSUB") {
			p.counters.count(unsub, allowed, 0)
			return 0
		}
	case 7:
		if equalFold(verb, "CONNECT") {
			return 0
		}
	}
	return -1
}

func (p *plugin) takePublish(operation operation, arguments []byte) int {
	subject, _ := word(arguments)
	if len(subject) == 0 {
		return -1
	}
	return p.takePayload(operation, p.publish.verdict(subject), arguments)
}

// takePayload reads the size, which is the last argument.
func (p *plugin) takePayload(operation operation, verdict verdict, arguments []byte) int {
	size, digits, place := 0, 0, 1
	for i := len(arguments) - 1; i >= 0 && isDigit(arguments[i]) && digits < 9; i-- {
		size += int(arguments[i]-'0') * place
		place *= 10
		digits++
	}
	if digits == 0 {
		return -1
	}
	p.counters.count(operation, verdict, size)
	return size + 2
}

func isDigit(b byte) bool {
	return b >= '0' && b <= '9'
}

// word returns the first word, and what follows the blanks after it.
func word(text []byte) (first, rest []byte) {
	end := 0
	for end < len(text) && text[end] != ' ' && text[end] != '\t' {
		end++
	}
	next := end
	for next < len(text) && (text[next] == ' ' || text[next] == '\t') {
		next++
	}
	return text[:end], text[next:]
}

// equalFold says whether word equals upper except for the case. Both have the same length.
func equalFold(word []byte, upper string) bool {
	for i := range word {
		letter := word[i]
		if letter >= 'a' && letter <= 'z' {
			letter -= 'a' - 'A'
		}
		if letter != upper[i] {
			return false
		}
	}
	return true
}
