package screening

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/antonpayments/anton/server/screening/lists"
)

// invented is a list of parties that nobody is, with names built from parts so that some words are rare and some are not.
func invented() *Index {
	given := []string{"Mohammad", "Ahmad", "Ali", "Vladimir", "Sergey", "Jose", "Maria", "Tariq", "Olga", "Chol"}
	family := []string{"Zarbukov", "Quilmendez", "Al-Harzani", "Petrashvili", "Kim", "Ordobaya", "Lanzarev", "Mirzofar", "Tuchelski", "Brandovic"}
	list := &lists.List{Authority: lists.Sandbox}
	add := func(kind lists.Kind, names ...lists.Name) {
		list.Entries = append(list.Entries, lists.Entry{ID: fmt.Sprint(len(list.Entries)), Kind: kind, Names: names})
	}
	for i, g := range given {
		for j, f := range family {
			middle := given[(i+j+1)%len(given)]
			add(lists.Person, lists.Name{Text: g + " " + middle + " " + f, Given: g + " " + middle, Family: f})
		}
	}
	add(lists.Person, lists.Name{Text: "Karimullah Vostrikov-Dhanani", Given: "Karimullah", Family: "Vostrikov-Dhanani"}, lists.Name{Text: "Ghost", Quality: lists.Weak})
	list.Entries[len(list.Entries)-1].Births = []lists.Birth{{From: "1970-03-02"}}
	list.Entries[len(list.Entries)-1].Countries = []string{"RU"}
	list.Entries[len(list.Entries)-1].Identifiers = []lists.Identifier{{Type: "passport", Value: "AB 123-456"}}
	for _, b := range []string{"Zarbukov Marine Trading Ltd", "Quilmendez Exportaciones S.A. de C.V.", "Lanzarev General Trading LLC", "OOO Mirzofarstroy", "Ordobaya Import & Export Co., Ltd."} {
		add(lists.Organisation, lists.Name{Text: b})
	}
	add(lists.Person, lists.Name{Text: "خورشيد برنجيان"})
	add(lists.Person, lists.Name{Text: "Константин Жарковецкий"})
	return NewIndex(list)
}

func best(t testing.TB, ix *Index, q Query) Match {
	t.Helper()
	matches := ix.Match(q, 0, 5)
	if len(matches) == 0 {
		t.Fatalf("%q has no candidate at all", q.Name)
	}
	return matches[0]
}

func TestNamesAreFoundHoweverTheyAreWritten(t *testing.T) {
	t.Parallel()
	ix := invented()
	for _, c := range []struct{ how, name, listed string }{
		{"exact", "Karimullah Vostrikov-Dhanani", "Karimullah Vostrikov-Dhanani"},
		{"family name first", "VOSTRIKOV-DHANANI, Karimullah", "Karimullah Vostrikov-Dhanani"},
		{"hyphen gone", "Karimullah VostrikovDhanani", "Karimullah Vostrikov-Dhanani"},
		{"all joined", "karimullahvostrikovdhanani", "Karimullah Vostrikov-Dhanani"},
		{"parted", "Karim Ullah Vostri kov Dhanani", "Karimullah Vostrikov-Dhanani"},
		{"title", "Sheikh Karimullah Vostrikov-Dhanani", "Karimullah Vostrikov-Dhanani"},
		{"accents", "Kárimulläh Vóstrikov-Dhanăni", "Karimullah Vostrikov-Dhanani"},
		{"slip", "Karimulah Vostirkov-Dhanani", "Karimullah Vostrikov-Dhanani"},
		{"French spelling", "Karimoulla Vostrikof-Dhanani", "Karimullah Vostrikov-Dhanani"},
		{"initial", "K. Vostrikov-Dhanani", "Karimullah Vostrikov-Dhanani"},
		{"a Cyrillic о", "Karimullah Vоstrikov-Dhanani", "Karimullah Vostrikov-Dhanani"},
		{"nothing to see", "Kari\u200bmullah \u200fVostrikov-Dhanani", "Karimullah Vostrikov-Dhanani"},
		{"Arabic", "كريم الله وستريكوف دهنانی", "Karimullah Vostrikov-Dhanani"},
		{"pet name", "Vova Chol Ordobaya", "Vladimir Chol Ordobaya"},
		{"middle name left away", "Tariq Ordobaya", "Tariq Vladimir Ordobaya"},
		{"Persian, listed as written", "Khorshid Berenjian", "خورشيد برنجيان"},
		{"Cyrillic, listed as written", "Konstantin Zharkovetsky", "Константин Жарковецкий"},
	} {
		if m := best(t, ix, Query{Name: c.name, Kind: lists.Person}); m.Name != c.listed || m.Decision() == None {
			t.Errorf("%s: %q finds %s", c.how, c.name, m.String())
		}
	}
	for _, c := range []struct{ how, name, listed string }{
		{"legal form", "Zarbukov Marine Trading Limited", "Zarbukov Marine Trading Ltd"},
		{"legal form in full", "Quilmendez Exportaciones Sociedad Anónima de Capital Variable", "Quilmendez Exportaciones S.A. de C.V."},
		{"legal form gone", "Lanzarev General Trading", "Lanzarev General Trading LLC"},
		{"abbreviations", "Lanzarev Gen. Trdg. LLC", "Lanzarev General Trading LLC"},
		{"legal form at the other end", "Mirzofarstroy LLC", "OOO Mirzofarstroy"},
		{"joined with the legal form", "Ordobaya Import Export CoLtd", "Ordobaya Import & Export Co., Ltd."},
		{"Cyrillic", "ООО Мирзофарстрой", "OOO Mirzofarstroy"},
	} {
		if m := best(t, ix, Query{Name: c.name, Kind: lists.Organisation}); m.Name != c.listed || m.Decision() == None {
			t.Errorf("%s: %q finds %s", c.how, c.name, m.String())
		}
	}
}

func TestOthersAreLeftInPeace(t *testing.T) {
	t.Parallel()
	ix := invented()
	for _, name := range []string{"Jane Smith", "Mohammad Ali", "Ahmad", "Kim", "Sheikh", "X", "7", "12345678", "al", "-", "🙂 🙂", "Peter Müller", "Maria Gonzalez", "李明"} {
		for _, m := range ix.Match(Query{Name: name, Kind: lists.Person}, PossibleScore, 3) {
			t.Errorf("%q is held: %s", name, m.String())
		}
	}
}

func TestExactNamesOutrankEverything(t *testing.T) {
	t.Parallel()
	ix := invented()
	for i := range ix.names {
		n := &ix.names[i]
		text := ix.entries[n.entry].entry.Names[n.name].Text
		m := best(t, ix, Query{Name: text, Kind: n.kind})
		if !m.Exact || m.Score <= mostInexact || m.Score >= 1 {
			t.Errorf("%q finds %s", text, m.String())
		}
	}
	if err := ix.SelfTest(t.Context(), 1); err != nil {
		t.Error(err)
	}
}

func TestMatchesExplainThemselves(t *testing.T) {
	t.Parallel()
	ix := invented()
	m := best(t, ix, Query{Name: "Karimulah Dhanani Wostrikov", Kind: lists.Person, Countries: []string{"ru"}})
	sum := 0.0
	for _, p := range m.Parts {
		if p.Says == "" {
			t.Errorf("a part of %.2f says nothing", p.Weight)
		}
		if p.What == "name" {
			sum += p.Weight
		}
	}
	if got := mostInexact * odds(sum); got-m.NameScore > 0.01 || m.NameScore-got > 0.01 {
		t.Errorf("the parts make %.3f of a score of %.3f", got, m.NameScore)
	}
	if len(m.Words) != 3 || len(m.Evidence) != 1 || m.Score <= m.NameScore {
		t.Errorf("explained as %s", m.String())
	}
}

func odds(sum float64) float64 { return weigh(0.5, []Part{{Weight: sum}}) }

// The names of these tests have two rare words, so nothing but the evidence decides.
func TestEvidenceMovesTheDecisionInItsSteps(t *testing.T) {
	t.Parallel()
	ix := invented()
	birth := func(from, to string, circa bool) []lists.Birth {
		return []lists.Birth{{From: from, To: to, Circa: circa}}
	}
	exact, near := "Karimullah Vostrikov-Dhanani", "Karimullah Vostrikof Dhanany"
	for _, c := range []struct {
		says string
		q    Query
		want Decision
	}{
		{"an exact rare name", Query{Name: exact}, Certain},
		{"and the same day", Query{Name: exact, Births: birth("1970-03-02", "", false)}, Certain},
		{"but another year", Query{Name: exact, Births: birth("1985", "", false)}, Possible},
		{"a year apart agrees", Query{Name: exact, Births: birth("1971", "", false)}, Certain},
		{"but another country", Query{Name: exact, Countries: []string{"BR"}}, Possible},
		{"but a business", Query{Name: exact, Kind: lists.Organisation}, Possible},
		{"a near name", Query{Name: near}, Possible},
		{"a near name and the same day", Query{Name: near, Births: birth("1970-03-02", "", false)}, Certain},
		{"a near name, day and month exchanged", Query{Name: near, Births: birth("1970-02-03", "", false)}, Certain},
		{"a near name and the same number", Query{Name: near, Identifiers: []lists.Identifier{{Value: "ab123456"}}}, Certain},
		{"a near name, another year", Query{Name: near, Births: birth("1985", "", false)}, None},
		{"a weak alias alone", Query{Name: "Ghost"}, None},
		{"a weak alias and the same day", Query{Name: "Ghost", Births: birth("1970-03-02", "", false)}, Possible},
	} {
		if c.q.Kind == lists.Unknown {
			c.q.Kind = lists.Person
		}
		matches := ix.Match(c.q, 0, 3)
		if got := Decide(matches); got != c.want {
			t.Errorf("%s: %s, not %s: %s", c.says, got, c.want, matches[0].String())
		}
	}
}

// Properties, over words that no list has and some that the list has.
func TestScoresKeepTheirPromises(t *testing.T) {
	t.Parallel()
	ix := invented()
	pool := []string{"Mohammad", "Vladimir", "Zarbukov", "Quilmendez", "Petrashvili", "Smith", "al", "Olga", "Xandrine", "Kim", "Жарковецкий", "خورشيد"}
	rapid.Check(t, func(t *rapid.T) {
		parts := rapid.SliceOfN(rapid.SampledFrom(pool), 1, 5).Draw(t, "words")
		name := strings.Join(parts, " ")
		score := func(name string) float64 {
			if m := ix.Match(Query{Name: name, Kind: lists.Person}, 0, 1); len(m) > 0 {
				return m[0].Score
			}
			return 0
		}
		before := score(name)
		if before < 0 || before >= 1 {
			t.Fatalf("%q scores %v", name, before)
		}
		if got := score(strings.ToUpper(name)); got != before {
			t.Errorf("%q scores %v in capitals, not %v", name, got, before)
		}
		hidden := strings.Join(parts, "\u200e \u200b")
		if got := score("\u2067" + hidden + "\u2069"); got != before {
			t.Errorf("%q scores %v with invisible characters, not %v", name, got, before)
		}
		if again := score(name); again != before {
			t.Errorf("%q scores %v the second time, not %v", name, again, before)
		}
	})
}

func TestAnExactNameScoresTheSameInAnyOrder(t *testing.T) {
	t.Parallel()
	ix := invented()
	for i := range ix.names {
		n := &ix.names[i]
		if n.kind != lists.Person {
			continue
		}
		parts := strings.Fields(ix.entries[n.entry].entry.Names[n.name].Text)
		want := best(t, ix, Query{Name: strings.Join(parts, " "), Kind: lists.Person}).Score
		rand.Shuffle(len(parts), func(a, b int) { parts[a], parts[b] = parts[b], parts[a] })
		if got := best(t, ix, Query{Name: strings.Join(parts, " "), Kind: lists.Person}).Score; got != want {
			t.Errorf("%q scores %v, not %v", parts, got, want)
		}
	}
}

func TestTheWorkOfOneNameIsBounded(t *testing.T) {
	t.Parallel()
	ix := invented()
	long := strings.Repeat("Mohammad Zarbukov ", 10_000)
	if parts := words(long, lists.Person); len(parts) > maxWords {
		t.Errorf("%d words are compared", len(parts))
	}
	if !Cut(long) || Cut("Mohammad") {
		t.Error("a cut name must say so, and only a cut one")
	}
	ix.Match(Query{Name: long, Kind: lists.Person}, 0, 10)
	ix.Match(Query{Name: strings.Repeat("a", 10_000)}, 0, 10)
	ix.Match(Query{Name: strings.Repeat("م", 10_000)}, 0, 10)
}

func TestAnIndexServesManyAtOnce(t *testing.T) {
	t.Parallel()
	ix := invented()
	want := ix.Match(Query{Name: "Vova Tuchelski", Kind: lists.Person}, 0, 5)
	done := make(chan bool)
	for range 8 {
		go func() {
			ok := true
			for range 50 {
				got := ix.Match(Query{Name: "Vova Tuchelski", Kind: lists.Person}, 0, 5)
				ok = ok && slices.EqualFunc(got, want, func(a, b Match) bool { return a.EntryID == b.EntryID && a.Score == b.Score })
			}
			done <- ok
		}()
	}
	for range 8 {
		if !<-done {
			t.Error("another answer under load")
		}
	}
}

func TestAnEmptyIndexFindsNothing(t *testing.T) {
	t.Parallel()
	if got := NewIndex(&lists.List{}).Match(Query{Name: "Jane Roe"}, 0, 5); len(got) != 0 {
		t.Errorf("found %v", got)
	}
}

// FuzzMatch: whatever the name, its matches are the best first, each entry once, with scores below 1; the same are found again, however
// much space is around the words, and from a floor on those that reach it.
func FuzzMatch(f *testing.F) {
	ix := invented()
	for _, seed := range []string{"", "Karimullah Vostrikov", "X", "Ghost", "ООО Мирзофарстрой", "\xff", "a b c d e f g h", "S.A. de C.V.", "王小明", "abdul", "al al al"} {
		f.Add(seed, uint8(1))
	}
	same := func(a, b Match) bool { return a.EntryID == b.EntryID && a.Score == b.Score && a.Name == b.Name }
	f.Fuzz(func(t *testing.T, name string, kind uint8) {
		q := Query{Name: name, Kind: lists.Kind(kind % 5)}
		matches := ix.Match(q, 0, 5)
		seen := map[string]bool{}
		for i, m := range matches {
			if !(m.Score >= 0 && m.Score < 1) || seen[m.EntryID] || i >= 5 || i > 0 && m.Score > matches[i-1].Score {
				t.Errorf("%q: match %d is %s", name, i, m.String())
			}
			seen[m.EntryID] = true
		}
		if floored := ix.Match(q, PossibleScore, 5); !slices.EqualFunc(floored, matches[:len(floored)], same) || len(matches) > len(floored) && matches[len(floored)].Score >= PossibleScore {
			t.Errorf("%q: from %v on there are %v, of all %v", name, PossibleScore, floored, matches)
		}
		if q.Name = "  " + strings.ReplaceAll(name, " ", "  ") + "\t"; len(q.Name) <= MaxName {
			if spaced := ix.Match(q, 0, 5); !slices.EqualFunc(spaced, matches, same) {
				t.Errorf("%q finds %v, and %q %v", name, matches, q.Name, spaced)
			}
		}
	})
}
