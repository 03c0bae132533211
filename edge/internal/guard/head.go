package guard

import (
	"bytes"

	"github.com/valyala/fasthttp"
)

// Refusal says why no more is read from a connection, and what to tell the client.
type Refusal struct {
	Status  int
	Message string
}

func malformed(message string) *Refusal { return &Refusal{400, message} }

// A few refusals are compared or made often.
var (
	errFull      = &Refusal{503, "too many connections"}
	errTooMany   = &Refusal{429, "too many connections from your address"}
	errTooLarge  = &Refusal{431, "the request head is too large"}
	errLongURL   = &Refusal{414, "the URL is too long"}
	errSlow      = &Refusal{408, "the request did not arrive in time"}
	errHasBody   = malformed("a request that has a body is not answered here")
	errLineEnd   = malformed("lines must end with CR LF")
	errVersion   = &Refusal{505, "only HTTP/1.0 and HTTP/1.1 are spoken here"}
	errTarget    = malformed("the request target must be a path or an http URL")
	errHeader    = malformed("malformed header line")
	errHost      = malformed("the request must have exactly one valid Host")
	errExpect    = &Refusal{417, "nothing is to be expected of a request without a body"}
	errLineStart = malformed("malformed request line")
)

// maxLines bounds the header lines of a request: they are searched one by one.
const maxLines = 128

// head checks request heads line by line. As no request may have a body, what a client sends is heads and nothing else,
// and where one ends is never in doubt. It knows RFC 9112 more strictly than fasthttp does, which takes bare LF, folded
// lines, spaces in names, any run of empty lines before a request, and repeated or padded lengths. Bytes that no value
// may hold are left to fasthttp.
type head struct {
	lines    int  // seen so far; 0 before the request line
	blank    bool // one empty line came before the request line (RFC 9112, section 2.2)
	version1 bool // HTTP/1.1
	host     bool // a Host line was seen
	length   bool // a Content-Length line was seen
	last     bool // the client asked to close the connection behind the answer
}

// line takes the next line with its end. After a head's empty line done is true, and the next line begins a new one.
func (h *head) line(line []byte) (done bool, _ *Refusal) {
	n := len(line) - 2
	if n < 0 || line[n] != '\r' {
		return false, errLineEnd
	}
	line = line[:n]
	switch {
	case n == 0 && h.lines > 0:
		return true, h.complete()
	case n == 0:
		return false, h.leading()
	case h.lines > maxLines:
		return false, errTooLarge
	}
	h.lines++
	if h.lines == 1 {
		return false, h.request(line)
	}
	return false, h.header(line)
}

// tooLarge is about a head that is not whole where it should have been long ago.
func (h *head) tooLarge() *Refusal {
	if h.lines == 0 {
		return errLongURL
	}
	return errTooLarge
}

func (h *head) leading() *Refusal {
	if h.blank {
		return errLineStart
	}
	h.blank = true
	return nil
}

func (h *head) complete() *Refusal {
	if h.version1 && !h.host {
		return errHost
	}
	return nil
}

// request takes «method SP target SP version».
func (h *head) request(line []byte) *Refusal {
	first, last := bytes.IndexByte(line, ' '), bytes.LastIndexByte(line, ' ')
	if first <= 0 || last <= first+1 || !all(line[:first], isToken) {
		return errLineStart
	}
	switch string(line[last+1:]) {
	case "HTTP/1.1":
		h.version1 = true
	case "HTTP/1.0":
	default:
		if bytes.HasPrefix(line[last+1:], []byte("HTTP/")) {
			return errVersion
		}
		return errLineStart
	}
	return checkTarget(line[:first], line[first+1:last])
}

// checkTarget takes a path, an absolute URL, or the asterisk of OPTIONS; not the host and port that CONNECT names. What
// the path means, and whether it is spelled well, is decided where it is read.
func checkTarget(method, target []byte) *Refusal {
	for _, b := range target {
		if b <= ' ' || b == 0x7f {
			return errTarget
		}
	}
	switch {
	case target[0] == '/':
		return nil
	case string(target) == "*":
		if string(method) == "OPTIONS" {
			return nil
		}
		return errTarget
	}
	authority, _, ok := absolute(target)
	if !ok || !validHost(authority) {
		return errTarget
	}
	return nil
}

// originForm turns an absolute target into a path, and its authority into the Host (RFC 9112, section 3.2.2).
func originForm(h *fasthttp.RequestHeader) {
	target := h.RequestURI()
	if target[0] == '/' {
		return
	}
	authority, rest, ok := absolute(target)
	if !ok {
		return // the asterisk
	}
	path := make([]byte, 0, 1+len(rest)) // the header's buffer holds what it is made from
	if len(rest) == 0 || rest[0] != '/' {
		path = append(path, '/')
	}
	h.SetHostBytes(authority)
	h.SetRequestURIBytes(append(path, rest...))
}

// absolute parts an absolute target into its authority and the rest, which is empty or begins with «/» or «?».
func absolute(target []byte) (authority, rest []byte, ok bool) {
	for _, scheme := range [...]string{"http://", "https://"} {
		if len(target) >= len(scheme) && bytes.EqualFold(target[:len(scheme)], []byte(scheme)) {
			target = target[len(scheme):]
			end := bytes.IndexAny(target, "/?")
			if end < 0 {
				end = len(target)
			}
			return target[:end], target[end:], true
		}
	}
	return nil, nil, false
}

// header takes «name: value». Only the names that decide where a message ends, and whom it is for, are looked at.
func (h *head) header(line []byte) *Refusal {
	colon := 0
	for colon < len(line) && classes[line[colon]]&isToken != 0 {
		colon++
	}
	if colon == 0 || colon == len(line) || line[colon] != ':' { // also folded lines, and spaces before the colon
		return errHeader
	}
	name := line[:colon]
	switch name[0] | 0x20 {
	case 'h':
		if is(name, "host") {
			return h.hostLine(trim(line[colon+1:]))
		}
	case 'c':
		switch {
		case is(name, "content-length"):
			return h.lengthLine(trim(line[colon+1:]))
		case is(name, "connection"):
			h.last = h.last || hasOption(line[colon+1:], "close")
		}
	case 'e':
		if is(name, "expect") {
			return errExpect
		}
	case 't':
		if is(name, "transfer-encoding") {
			return errHasBody
		}
	}
	return nil
}

func (h *head) hostLine(value []byte) *Refusal {
	if h.host || !validHost(value) {
		return errHost
	}
	h.host = true
	return nil
}

func (h *head) lengthLine(value []byte) *Refusal {
	if h.length || !all(value, isDigit) || len(value) == 0 {
		return malformed("malformed Content-Length")
	}
	if string(value) != "0" {
		return errHasBody
	}
	h.length = true
	return nil
}

// validHost takes a name or an address, with or without a port: no user, no lists, nothing that needs decoding.
func validHost(host []byte) bool {
	name, port := host, []byte(nil)
	if bytes.HasPrefix(host, []byte("[")) {
		end := bytes.IndexByte(host, ']')
		if end < 0 {
			return false
		}
		name, port = host[1:end], host[end+1:]
		if !all(name, isAddress6) || len(port) > 0 && port[0] != ':' {
			return false
		}
	} else {
		if colon := bytes.IndexByte(host, ':'); colon >= 0 {
			name, port = host[:colon], host[colon:]
		}
		if !all(name, isHostName) {
			return false
		}
	}
	return len(name) > 0 && (len(port) == 0 || len(port) <= 6 && all(port[1:], isDigit))
}

// hasOption looks for a word in a list.
func hasOption(list []byte, option string) bool {
	for more := true; more; {
		var word []byte
		word, list, more = bytes.Cut(list, []byte(","))
		if is(trim(word), option) {
			return true
		}
	}
	return false
}

// is compares with a lower-case word, whatever the case of the text.
func is(text []byte, word string) bool {
	if len(text) != len(word) {
		return false
	}
	for i := range text {
		b := text[i]
		if 'A' <= b && b <= 'Z' {
			b |= 0x20
		}
		if b != word[i] {
			return false
		}
	}
	return true
}

// trim takes the optional white space away (RFC 9110, section 5.6.3).
func trim(value []byte) []byte { return bytes.Trim(value, " \t") }

// class is what a byte may be part of.
type class uint8

const (
	isToken class = 1 << iota
	isDigit
	isHostName
	isAddress6
)

var classes = func() (table [256]class) {
	mark := func(c class, bytes string) {
		for i := range len(bytes) {
			table[bytes[i]] |= c
		}
	}
	const digits, letters = "0123456789", "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	mark(isToken, digits+letters+"!#$%&'*+-.^_`|~")
	mark(isDigit, digits)
	mark(isHostName, digits+letters+".-_")
	mark(isAddress6, digits+"ABCDEFabcdef:.")
	return table
}()

func all(text []byte, c class) bool {
	for _, b := range text {
		if classes[b]&c == 0 {
			return false
		}
	}
	return true
}
