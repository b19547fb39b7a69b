package gateway

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/server/apierr"
)

// maxDepth is how many objects and lists may be open at once. No request of ours needs half of it.
const maxDepth = 16

// A scanner reads one JSON text (RFC 8259) once, from the front. Its text must be valid UTF-8: scan checks that first.
// Beyond the grammar it refuses what two readers may understand differently: names that appear twice in one object, and escapes
// that are half of a character.
type scanner struct {
	text  []byte
	pos   int
	depth int
}

// A syntaxError is why a text cannot be read, at a byte of it.
type syntaxError struct {
	pos  int
	what string
}

func (e *syntaxError) Error() string { return fmt.Sprintf("byte %d: %s", e.pos, e.what) }

func failAt(pos int, format string, args ...any) error {
	return &syntaxError{pos: pos, what: fmt.Sprintf(format, args...)}
}

// scan lets read take the one value of the text. Whatever makes the text unreadable comes back as an invalid_json that says where;
// any other error of read comes back as it is.
func (s *scanner) scan(text []byte, read func() error) error {
	*s = scanner{text: text}
	err := s.checkEncoding()
	if err == nil {
		err = read()
	}
	if err == nil && !s.atEnd() {
		err = failAt(s.pos, "nothing may follow the JSON value, found %s", s.found())
	}
	if syntax, ok := errors.AsType[*syntaxError](err); ok {
		line, column := position(text, syntax.pos)
		return apierr.New(antonv1.ErrorCode_invalid_json, "The JSON body is wrong at line %d, column %d: %s.", line, column, syntax.what)
	}
	return err
}

func (s *scanner) checkEncoding() error {
	if bytes.HasPrefix(s.text, []byte("\xef\xbb\xbf")) {
		return failAt(0, "it begins with a byte order mark; send UTF-8 without one")
	}
	if utf8.Valid(s.text) {
		return nil
	}
	for i := 0; i < len(s.text); {
		r, size := utf8.DecodeRune(s.text[i:])
		if r == utf8.RuneError && size == 1 {
			return failAt(i, "the byte 0x%02X is not UTF-8", s.text[i])
		}
		i += size
	}
	return nil
}

// position counts lines and characters from 1, as editors do.
func position(text []byte, pos int) (line, column int) {
	before := text[:min(pos, len(text))]
	start := bytes.LastIndexByte(before, '\n') + 1
	column = 1
	for len(before[start:]) > 0 {
		_, size := utf8.DecodeRune(before[start:])
		start += size
		column++
	}
	return 1 + bytes.Count(before, []byte{'\n'}), column
}

// peek skips white space and shows the next byte; 0 at the end, and for a NUL byte, which is no token either.
func (s *scanner) peek() byte {
	for s.pos < len(s.text) {
		switch c := s.text[s.pos]; c {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return c
		}
	}
	return 0
}

// atEnd tells whether nothing but white space is left.
func (s *scanner) atEnd() bool {
	s.peek()
	return s.pos == len(s.text)
}

// found names what stands at the scanner's place, for error messages.
func (s *scanner) found() string {
	if s.pos >= len(s.text) {
		return "the end of the body"
	}
	r, _ := utf8.DecodeRune(s.text[s.pos:])
	if !strconv.IsPrint(r) {
		return fmt.Sprintf("the character U+%04X", r)
	}
	return "'" + string(r) + "'"
}

// object reads an object and calls member at the value of each name. Member must read that value.
func (s *scanner) object(member func(name string) error) error {
	if err := s.open(); err != nil {
		return err
	}
	var names nameSet
	for comma := false; ; comma = true {
		c := s.peek()
		if c == '}' && !comma {
			return s.close()
		}
		if c != '"' {
			return failAt(s.pos, "expected a name in double quotes, found %s", s.found())
		}
		at := s.pos
		name, err := s.str()
		if err != nil {
			return err
		}
		if !names.add(name) {
			return failAt(at, "the name %q appears twice in one object", shown(name))
		}
		if s.peek() != ':' {
			return failAt(s.pos, "expected ':' after a name, found %s", s.found())
		}
		s.pos++
		if err := member(name); err != nil {
			return err
		}
		switch s.peek() {
		case ',':
			s.pos++
		case '}':
			return s.close()
		default:
			return failAt(s.pos, "expected ',' or '}' after a value, found %s", s.found())
		}
	}
}

// list reads a list and calls item at each of its values. Item must read that value.
func (s *scanner) list(item func(index int) error) error {
	if err := s.open(); err != nil {
		return err
	}
	if s.peek() == ']' {
		return s.close()
	}
	for i := 0; ; i++ {
		if err := item(i); err != nil {
			return err
		}
		switch s.peek() {
		case ',':
			s.pos++
		case ']':
			return s.close()
		default:
			return failAt(s.pos, "expected ',' or ']' after a value, found %s", s.found())
		}
	}
}

func (s *scanner) open() error {
	if s.depth++; s.depth > maxDepth {
		return failAt(s.pos, "it is nested more than %d levels deep", maxDepth)
	}
	s.pos++
	return nil
}

func (s *scanner) close() error {
	s.depth--
	s.pos++
	return nil
}

// skip reads a value of any kind and forgets it.
func (s *scanner) skip() error {
	switch s.peek() {
	case '{':
		return s.object(func(string) error { return s.skip() })
	case '[':
		return s.list(func(int) error { return s.skip() })
	case '"':
		_, err := s.str()
		return err
	case 't', 'f', 'n':
		_, err := s.word()
		return err
	default:
		_, err := s.number()
		return err
	}
}

// word reads true, false or null.
func (s *scanner) word() (string, error) {
	for _, w := range [...]string{"true", "false", "null"} {
		if bytes.HasPrefix(s.text[s.pos:], []byte(w)) {
			s.pos += len(w)
			return w, nil
		}
	}
	return "", failAt(s.pos, "expected a value, found %s", s.found())
}

// number reads a number and gives it as it is written.
func (s *scanner) number() (string, error) {
	start := s.pos
	if s.at('-') {
		s.pos++
	}
	first := s.pos
	switch n := s.digits(); {
	case n == 0 && first == start:
		return "", failAt(start, "expected a value, found %s", s.found())
	case n == 0:
		return "", failAt(s.pos, "expected a digit, found %s", s.found())
	case n > 1 && s.text[first] == '0':
		return "", failAt(first, "a number cannot begin with 0; if it is a code or an account number, put it in double quotes")
	}
	if s.at('.') {
		s.pos++
		if s.digits() == 0 {
			return "", failAt(s.pos, "expected a digit after the point, found %s", s.found())
		}
	}
	if s.at('e') || s.at('E') {
		s.pos++
		if s.at('+') || s.at('-') {
			s.pos++
		}
		if s.digits() == 0 {
			return "", failAt(s.pos, "expected a digit in the exponent, found %s", s.found())
		}
	}
	return string(s.text[start:s.pos]), nil
}

func (s *scanner) at(c byte) bool { return s.pos < len(s.text) && s.text[s.pos] == c }

func (s *scanner) digits() int {
	start := s.pos
	for s.pos < len(s.text) && '0' <= s.text[s.pos] && s.text[s.pos] <= '9' {
		s.pos++
	}
	return s.pos - start
}

// str reads a string. Nearly all have no escape and are copied as they are.
func (s *scanner) str() (string, error) {
	s.pos++
	start := s.pos
	s.plain()
	if s.at('"') {
		s.pos++
		return string(s.text[start : s.pos-1]), nil
	}
	var out []byte
	for {
		out = append(out, s.text[start:s.pos]...)
		switch {
		case s.pos == len(s.text):
			return "", failAt(s.pos, "the body ends inside a string")
		case s.at('"'):
			s.pos++
			return string(out), nil
		case s.at('\\'):
			r, err := s.escape()
			if err != nil {
				return "", err
			}
			out = utf8.AppendRune(out, r)
		default:
			return "", failAt(s.pos, "%s must be escaped inside a string", s.found())
		}
		start = s.pos
		s.plain()
	}
}

// plain passes over what a string may hold without an escape.
func (s *scanner) plain() {
	for s.pos < len(s.text) {
		if c := s.text[s.pos]; c == '"' || c == '\\' || c < ' ' {
			return
		}
		s.pos++
	}
}

func (s *scanner) escape() (rune, error) {
	start := s.pos
	if s.pos += 2; s.pos > len(s.text) {
		return 0, failAt(len(s.text), "the body ends inside a string")
	}
	switch c := s.text[start+1]; c {
	case '"', '\\', '/':
		return rune(c), nil
	case 'b':
		return '\b', nil
	case 'f':
		return '\f', nil
	case 'n':
		return '\n', nil
	case 'r':
		return '\r', nil
	case 't':
		return '\t', nil
	case 'u':
		s.pos = start
		return s.unicodeEscape()
	default:
		s.pos = start + 1
		return 0, failAt(start, "'\\' cannot stand before %s in a string", s.found())
	}
}

// unicodeEscape reads \uXXXX, and two of them where they are a surrogate pair (RFC 8259, section 7). Half a pair is no character:
// readers disagree about it, and a database cannot store it.
func (s *scanner) unicodeEscape() (rune, error) {
	start := s.pos
	first, ok := s.codeUnit()
	if !ok {
		return 0, failAt(start, "'\\u' must be followed by four hexadecimal digits")
	}
	if !utf16.IsSurrogate(first) {
		return first, nil
	}
	if second, ok := s.codeUnit(); ok {
		if r := utf16.DecodeRune(first, second); r != utf8.RuneError {
			return r, nil
		}
	}
	return 0, failAt(start, "the escape '\\u%04x' is only half of a character", first)
}

// codeUnit reads one \uXXXX.
func (s *scanner) codeUnit() (rune, bool) {
	const length = len(`\uXXXX`)
	if !bytes.HasPrefix(s.text[s.pos:], []byte(`\u`)) || len(s.text)-s.pos < length {
		return 0, false
	}
	var r rune
	for _, c := range s.text[s.pos+2 : s.pos+length] {
		switch {
		case '0' <= c && c <= '9':
			r = r<<4 | rune(c-'0')
		case 'a' <= c && c <= 'f':
			r = r<<4 | rune(c-'a'+10)
		case 'A' <= c && c <= 'F':
			r = r<<4 | rune(c-'A'+10)
		default:
			return 0, false
		}
	}
	s.pos += length
	return r, true
}

// A nameSet holds the names of one object. Objects have few: a map is made only for the large ones.
type nameSet struct {
	few  [12]string
	n    int
	many map[string]struct{}
}

// add tells whether the name is new.
func (set *nameSet) add(name string) bool {
	if set.many != nil {
		before := len(set.many)
		set.many[name] = struct{}{}
		return len(set.many) > before
	}
	if slices.Contains(set.few[:set.n], name) {
		return false
	}
	if set.n < len(set.few) {
		set.few[set.n] = name
		set.n++
		return true
	}
	set.many = map[string]struct{}{name: {}}
	for _, other := range set.few {
		set.many[other] = struct{}{}
	}
	return true
}
