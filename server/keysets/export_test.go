package keysets

// Columns names the columns that hold ciphertexts.
func Columns() (names []string) {
	for _, c := range columns {
		names = append(names, c.String())
	}
	return names
}
