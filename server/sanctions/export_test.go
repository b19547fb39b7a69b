package sanctions

import "time"

// Quick is a Fetcher that waits for nobody.
func Quick() Fetcher { return Fetcher{wait: time.Millisecond, stall: 500 * time.Millisecond} }
