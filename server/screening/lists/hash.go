package lists

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// ContentHash is the SHA-256 of everything an entry says, in lower-case hex. It is the same for two entries that say the same, in
// whatever order an authority wrote it, and it changes with anything that could change a decision; so a reviewed pair of a payee and an
// entry names the entry by its id and this hash.
func (e Entry) ContentHash() string {
	sum := sha256.Sum256(e.stored())
	return hex.EncodeToString(sum[:])
}

// stored is an entry as it is kept: JSON, whose fields have one order, and whose slices tidy has sorted.
func (e Entry) stored() []byte {
	text, err := json.Marshal(e)
	if err != nil {
		panic(fmt.Sprintf("lists: an entry of strings is not JSON: %v", err)) // cannot happen: strings, numbers and slices of them
	}
	return text
}
