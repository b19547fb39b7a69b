package screening

// How alike two words are, by a weighted edit distance (optimal string alignment): what people confuse when they hear a name or spell it
// from another script is cheap, what only a slip of the finger explains costs a full edit. Costs are in hundredths of an edit.

const (
	maxLetters = 24 // of a word that are compared
	edit       = 100
	swapped    = 75 // two neighbours exchanged, the commonest slip of the finger
	vowelLost  = 45
	hLost      = 35
	doubled    = 15
	otherStart = 30 // added where the first letters differ: people get those right
)

var substitution = substitutions()

// substitutions gives the cost of each letter for each other. The cheap pairs are those that the common romanisations of one sound
// disagree on (BGN/PCGN, ALA-LC, French, German, Spanish usage) and neighbours in sound.
func substitutions() (cost [128][128]uint8) {
	for i := range cost {
		for j := range cost[i] {
			if i != j {
				cost[i][j] = edit
			}
		}
	}
	set := func(a, b byte, c uint8) { cost[a][b], cost[b][a] = c, c }
	const vowels = "aeiouy"
	for i := range vowels {
		for j := range i {
			set(vowels[i], vowels[j], 45)
		}
	}
	for _, p := range []struct {
		pairs string
		cost  uint8
	}{
		{"iy", 10},
		{"ei ou", 30},
		{"ae ao", 35},
		{"vw ck kq sz", 20},
		{"cs jy ij", 35},
		{"pf", 30},
		{"gk gj fv bv cq gq", 40},
		{"xk xs xh jh", 45},
		{"bp dt uw uv dz ts", 50},
		{"mn hk zj kh gh cz", 60},
		{"lr", 70},
	} {
		for i := 0; i+1 < len(p.pairs); i += 3 {
			set(p.pairs[i], p.pairs[i+1], p.cost)
		}
	}
	for d := byte('0'); d <= '9'; d++ { // a digit is never a slip for a letter
		for c := range 128 {
			if byte(c) != d {
				set(d, byte(c), 255)
			}
		}
	}
	return cost
}

func isVowel(c byte) bool {
	return c == 'a' || c == 'e' || c == 'i' || c == 'o' || c == 'u' || c == 'y'
}

// loss is what it costs that s[i] is missing in the other word.
func loss(s string, i int) int32 {
	c := s[i]
	next, previous := byte(0), byte(0)
	if i+1 < len(s) {
		next = s[i+1]
	}
	if i > 0 {
		previous = s[i-1]
	}
	switch {
	case isDigit(c):
		return 255
	case c == previous:
		return doubled
	case isVowel(c):
		if c == 'o' && next == 'u' || c == 'y' && next == 'i' || (c == 'y' || c == 'j') && isVowel(next) && i > 0 && previous == 'i' || c == 'i' && next == 'y' || c == 'y' && previous == 'i' {
			return 20
		}
		if i == 0 {
			return vowelLost + 10
		}
		return vowelLost
	case c == 'h':
		return hLost
	case c == 'k' && next == 'h', c == 't' && next == 'c', c == 'd' && (next == 'j' || next == 'z'), c == 'c' && (next == 'k' || next == 'h' && previous == 's'), c == 't' && next == 'z', c == 't' && next == 's':
		return 35
	}
	return edit
}

// distance is the weighted distance of two words in Latin letters, in hundredths of an edit; more than limit is given as limit+1.
func distance(a, b string, limit int) int {
	a, b = a[:min(len(a), maxLetters)], b[:min(len(b), maxLetters)]
	for a != "" && b != "" && a[len(a)-1] == b[len(b)-1] { // what ends alike costs nothing
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	from := 0
	for from < len(a) && from < len(b) && a[from] == b[from] { // nor what begins alike
		from++
	}
	var rows [3][maxLetters + 1]int32
	var lost [maxLetters]int32
	before, last, now := &rows[0], &rows[1], &rows[2]
	for j := from; j < len(b); j++ {
		lost[j] = loss(b, j)
		last[j+1] = last[j] + lost[j]
	}
	for i := from; i < len(a); i++ {
		gone := loss(a, i)
		now[from] = last[from] + gone
		least := now[from]
		costs := &substitution[a[i]&127]
		for j := from; j < len(b); j++ {
			c := int32(costs[b[j]&127])
			if i == 0 && j == 0 && c >= 50 {
				c += otherStart
			}
			best := min(last[j]+c, last[j+1]+gone, now[j]+lost[j])
			if i > from && j > from && a[i] == b[j-1] && a[i-1] == b[j] {
				best = min(best, before[j-1]+swapped)
			}
			now[j+1] = best
			least = min(least, best)
		}
		if int(least) > limit {
			return limit + 1
		}
		before, last, now = last, now, before
	}
	return min(int(last[len(b)]), limit+1)
}

// alike is how alike two words are, 0 to 1. An edit weighs the more the shorter the words are; below half a likeness is none.
func alike(a, b string) float32 {
	if a == b {
		return 1
	}
	n := min(max(len(a), len(b)), maxLetters)
	limit := 25 * (n + 1)
	if len(a) < 2 || len(b) < 2 {
		return 0
	}
	d := distance(a, b, limit)
	if d > limit {
		return 0
	}
	return 1 - float32(d)/float32(50*(n+1))
}

// skeleton gives the consonants of a word by their class, what is left when a script does not write vowels and each language romanises
// the rest its own way. A leading vowel is one class; a final h is how some spell the last vowel. It writes into buf.
func skeleton(buf []byte, text string) []byte {
	out := buf[:0]
	for i := 0; i < len(text) && len(out) < maxLetters; i++ {
		next := byte(0)
		if i+1 < len(text) {
			next = text[i+1]
		}
		class, two := consonant(text[i], next, i == 0)
		if two {
			i++
		} else if text[i] == 'h' && i > 0 && next == 0 {
			continue
		}
		if class != 0 && (len(out) == 0 || out[len(out)-1] != class) {
			out = append(out, class)
		}
	}
	return out
}

// consonant gives the class of a letter by the one that follows it, 0 for a vowel inside a word, and whether both letters make it.
func consonant(c, next byte, first bool) (class byte, two bool) {
	h := next == 'h'
	switch c {
	case 'a', 'e', 'i', 'o', 'u', 'y', 'w':
		switch {
		case !first:
			return 0, false
		case c == 'w', c == 'y' && isVowel(next):
			return c, false
		}
		return 'a', false
	case 'c':
		return consonantC(next)
	case 'k':
		if h {
			return 'h', true
		}
	case 's':
		if h {
			return 'x', true
		}
	case 't':
		if next == 's' || next == 'z' {
			return 's', true
		}
		return 't', h
	case 'd':
		if next == 'j' || next == 'z' {
			return 'j', true
		}
		return 'd', h
	case 'g':
		return 'k', h
	case 'q':
		return 'k', false
	case 'p':
		if h {
			return 'f', true
		}
		return 'b', false
	case 'v':
		if first {
			return 'w', false
		}
		return 'f', false
	case 'z':
		if h {
			return 'j', true
		}
	case 'x':
		return 'h', false
	}
	return c, false
}

func consonantC(next byte) (class byte, two bool) {
	switch next {
	case 'h':
		return 'j', true
	case 'k', 'c':
		return 'k', true
	case 'e', 'i', 'y':
		return 's', false
	}
	return 'k', false
}

// alikeAbjad compares a word of a script without vowels with any word, by consonants.
func alikeAbjad(a, b string) float32 {
	var bufA, bufB [maxLetters]byte
	x, y := skeleton(bufA[:], a), skeleton(bufB[:], b)
	n := max(len(x), len(y))
	if n == 0 || len(x) == 0 || len(y) == 0 {
		return 0
	}
	d := abjadDistance(x, y)
	top := float32(0.93)
	if n == 1 {
		top = 0.6
	} else if n == 2 {
		top = 0.8
	}
	s := top - float32(d)/float32(70*n)
	if s < 0.55 {
		return 0
	}
	return s
}

var abjadPairs = map[[2]byte]int{
	{'d', 'z'}: 30, {'s', 't'}: 50, {'s', 'z'}: 40, {'j', 'k'}: 50, {'d', 't'}: 50, {'a', 'h'}: 50, {'j', 'z'}: 50, {'h', 'k'}: 50, {'f', 'w'}: 30, {'b', 'f'}: 60, {'a', 'w'}: 50, {'a', 'y'}: 40, {'j', 'x'}: 50, {'s', 'x'}: 50,
}

func abjadDistance(a, b []byte) int {
	var rows [2][maxLetters + 1]int
	last, now := &rows[0], &rows[1]
	lost := func(c byte, i int) int {
		if c == 'h' || c == 'a' || i > 0 && c == 'w' {
			return 50
		}
		return 100
	}
	for j := range b {
		last[j+1] = last[j] + lost(b[j], j)
	}
	for i := range a {
		now[0] = last[0] + lost(a[i], i)
		for j := range b {
			c := 0
			if a[i] != b[j] {
				c = 100
				if cheap, ok := abjadPairs[[2]byte{min(a[i], b[j]), max(a[i], b[j])}]; ok {
					c = cheap
				}
			}
			now[j+1] = min(last[j]+c, last[j+1]+lost(a[i], i), now[j]+lost(b[j], j))
		}
		last, now = now, last
	}
	return last[len(b)]
}

// spoken writes a word as it is roughly said, whoever spelt it: the form in which the index looks for neighbours. It writes into buf.
func spoken(buf []byte, text string) []byte {
	out := buf[:0]
	for i := 0; i < len(text) && len(out) < maxLetters; i++ {
		c := text[i]
		next := byte(0)
		if i+1 < len(text) {
			next = text[i+1]
		}
		switch c {
		case 'y', 'e', 'i', 'j':
			c = 'i'
		case 'o', 'u':
			c = 'u'
		case 'w':
			c = 'v'
		case 'q', 'g':
			c = 'k'
		case 'c':
			switch next {
			case 'h':
			case 'k':
				continue
			case 'e', 'i', 'y':
				c = 's'
			default:
				c = 'k'
			}
		case 'z':
			c = 's'
		case 'p':
			if next == 'h' {
				c = 'f'
				i++
			}
		case 'k':
			if next == 'h' {
				continue
			}
		case 't':
			if next == 's' || next == 'z' || next == 'c' {
				continue
			}
		case 'd':
			if next == 'j' || next == 'z' {
				continue
			}
		case 'x':
			out = append(out, 'k')
			c = 's'
		case 'h':
			if i > 0 && text[i-1] != 'k' {
				continue
			}
		}
		if n := len(out); n > 0 && out[n-1] == c {
			continue
		}
		out = append(out, c)
	}
	return out
}
