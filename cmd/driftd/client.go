package main

import (
	"fmt"
	"log/slog"
	"os"

	"github.com/driftd/driftd/internal/config"
	"github.com/driftd/driftd/internal/kafka"
)

// newClient connects as config says. onRetry may be nil.
func newClient(cfg *config.Config, onRetry func(string, error)) (*kafka.Client, error) {
	if len(cfg.Kafka.Brokers) == 0 {
		return nil, fmt.Errorf("the config names no brokers: set kafka.brokers")
	}
	kc := kafka.Config{Brokers: cfg.Kafka.Brokers, ClientID: "driftd", OnRetry: onRetry}
	if t := cfg.Kafka.TLS; t != nil {
		tls, err := kafka.TLSConfig(t.CAFile, t.CertFile, t.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("kafka.tls: %w", err)
		}
		kc.TLS = tls
	}
	if s := cfg.Kafka.SASL; s != nil {
		password, err := s.Password.Value()
		if err != nil {
			return nil, fmt.Errorf("kafka.sasl: %w", err)
		}
		if kc.SASL, err = kafka.SASL(s.Mechanism, s.Username, password); err != nil {
			return nil, err
		}
	}
	return kafka.New(kc)
}

func newLog(debug bool) *slog.Logger {
	level := slog.LevelInfo
	if debug {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
}
