// Package sql carries the migrations into the binary.
package sql

import "embed"

// Migrations are goose files, applied in the order of their numbers and never changed once released.
//
//go:embed migrations/*.sql
var Migrations embed.FS
