package main

import (
	"fmt"
	"net/http"

	"github.com/driftd/driftd/alerts/alertmanager"
	"github.com/driftd/driftd/internal/config"
	"github.com/driftd/driftd/internal/kafka"
)

// alertmanagerAccess reads what config says of Alertmanagers beside their URLs.
func alertmanagerAccess(a config.Alerts) (map[string]alertmanager.Access, error) {
	out := map[string]alertmanager.Access{}
	for url, conf := range a.Access {
		password, err := conf.Password.Value()
		if err != nil {
			return nil, fmt.Errorf("alerts.alertmanagers, %s: %w", url, err)
		}
		access := alertmanager.Access{Username: conf.Username, Password: password}
		if conf.CAFile != "" {
			tls, err := kafka.TLSConfig(conf.CAFile, "", "")
			if err != nil {
				return nil, fmt.Errorf("alerts.alertmanagers, %s: %w", url, err)
			}
			transport := http.DefaultTransport.(*http.Transport).Clone() // with the proxy of the environment
			transport.TLSClientConfig = tls
			access.Client = &http.Client{Transport: transport}
		}
		out[url] = access
	}
	return out, nil
}
