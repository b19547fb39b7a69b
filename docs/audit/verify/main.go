// Command verify checks an export of the audit log by docs/audit/README.md alone: it shares no code with the server. It reads what
// `anton audit export` wrote, prints each chain's newest seal and ends with 0, or names the first thing that is wrong and ends with 1.
package main

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
)

type row struct {
	Merchant              string `json:"merchant_id"`
	Position              int64
	ID, At, Actor, Action string
	Object                string `json:"object_id"`
	Request               string `json:"request_id"`
	Detail                map[string]*string
	Hash                  string
}

type seal struct {
	Merchant string `json:"merchant_id"`
	Number   int64
	From     int64  `json:"from_position"`
	To       int64  `json:"to_position"`
	Previous string `json:"previous_hash"`
	Hash     string
	SealedAt string `json:"sealed_at"`
}

// A chain is one merchant's last seal, the position of the last row, and the hashes of the rows behind the seal.
type chain struct {
	last seal
	rows int64
	open []byte
}

func main() {
	chains, err := verify(os.Stdin)
	if err != nil {
		fmt.Println("DAMAGED:", err)
		os.Exit(1)
	}
	for _, merchant := range slices.Sorted(maps.Keys(chains)) {
		last := chains[merchant].last
		fmt.Printf("OK: %d rows of %q under %d seals, the newest is %s\n", last.To, merchant, last.Number, last.Hash)
	}
}

func verify(in io.Reader) (map[string]*chain, error) {
	chains := map[string]*chain{}
	var count struct{ Rows, Seals int }
	decoder := json.NewDecoder(in)
	for n := 1; ; n++ {
		var line struct {
			Row  *row
			Seal *seal
			End  *struct{ Rows, Seals int }
		}
		err := decoder.Decode(&line)
		switch {
		case errors.Is(err, io.EOF):
			err = errors.New("is missing: the export was cut off")
		case line.Row != nil && err == nil:
			err = line.Row.follow(of(chains, line.Row.Merchant))
			count.Rows++
		case line.Seal != nil && err == nil:
			err = line.Seal.close(of(chains, line.Seal.Merchant))
			count.Seals++
		case line.End != nil && *line.End == count:
			for merchant, c := range chains {
				if len(c.open) > 0 {
					return nil, fmt.Errorf("rows of %q stand behind its last seal", merchant)
				}
			}
			return chains, nil
		case err == nil:
			err = fmt.Errorf("is none of an export's, or counts other than %d rows and %d seals", count.Rows, count.Seals)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
	}
}

func of(chains map[string]*chain, merchant string) *chain {
	if chains[merchant] == nil {
		chains[merchant] = &chain{last: seal{Hash: strings.Repeat("00", 32)}}
	}
	return chains[merchant]
}

func (r *row) follow(c *chain) error {
	c.rows++
	sum := hash("anton audit row 1\n", nil, nil,
		r.Merchant, fmt.Sprint(c.rows), r.ID, r.At, r.Actor, r.Action, r.Object, r.Request, object(r.Detail))
	if r.Position != c.rows || hex.EncodeToString(sum) != r.Hash {
		return fmt.Errorf("row %s of %q is not the one that was sealed at position %d", r.ID, r.Merchant, c.rows)
	}
	c.open = append(c.open, sum...)
	return nil
}

func (s *seal) close(c *chain) error {
	previous, err := hex.DecodeString(c.last.Hash)
	sum := hash("anton audit seal 1\n", previous, c.open, s.Merchant, fmt.Sprint(c.last.Number+1), fmt.Sprint(c.last.To+1), fmt.Sprint(c.rows), s.SealedAt)
	if err != nil || s.Number != c.last.Number+1 || s.Previous != c.last.Hash || s.From != c.last.To+1 || s.To != c.rows || hex.EncodeToString(sum) != s.Hash {
		return fmt.Errorf("seal %d of %q is not the seal of the rows behind seal %d", s.Number, s.Merchant, c.last.Number)
	}
	c.last, c.open = *s, nil
	return nil
}

func hash(tag string, before, after []byte, fields ...string) []byte {
	hashed := append([]byte(tag), before...)
	for _, f := range fields {
		hashed = append(binary.BigEndian.AppendUint32(hashed, uint32(len(f))), f...)
	}
	sum := sha256.Sum256(append(hashed, after...))
	return sum[:]
}

func object(members map[string]*string) string {
	var parts []string
	for _, key := range slices.Sorted(maps.Keys(members)) {
		if members[key] == nil {
			return "" // a null, which no sealed row has: the hash will not fit
		}
		parts = append(parts, `"`+escape.Replace(key)+`":"`+escape.Replace(*members[key])+`"`)
	}
	return "{" + strings.Join(parts, ",") + "}"
}

// escape makes the escapes of RFC 8785, section 3.2.2.2. The first pair for a character counts: the short ones before the long ones.
var escape = func() *strings.Replacer {
	pairs := []string{"\b", `\b`, "\t", `\t`, "\n", `\n`, "\f", `\f`, "\r", `\r`, `"`, `\"`, `\`, `\\`}
	for b := range rune(' ') {
		pairs = append(pairs, string(b), fmt.Sprintf(`\u%04x`, b))
	}
	return strings.NewReplacer(pairs...)
}()
